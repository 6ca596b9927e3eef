{{/* Labels of every object; a dict of root and name. */}}
{{- define "sluice.labels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/part-of: sluice
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "sluice.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag }}{{- end -}}
{{- end -}}
{{- end }}

{{/* Everything that a container of ours never needs. */}}
{{- define "sluice.containerSecurity" -}}
privileged: false
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
{{- end }}

{{/* The service account's token, for the one container that needs it: what the kubelet would put into every container. */}}
{{- define "sluice.tokenVolume" -}}
- name: token
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken: {expirationSeconds: 3607, path: token}
      - configMap:
          name: kube-root-ca.crt
          items: [{key: ca.crt, path: ca.crt}]
      - downwardAPI:
          items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]
{{- end }}

{{- define "sluice.tokenMount" -}}
- {name: token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
{{- end }}

{{/* A change of the configuration starts the Pods again, one after the other. */}}
{{- define "sluice.configChecksum" -}}
sluice.dev/config-checksum: {{ include (print $.Template.BasePath "/configmap.yaml") . | sha256sum }}
{{- end }}

{{- define "sluice.createGatewayClass" -}}
{{- $create := toString .Values.gatewayAPI.gatewayClass.create -}}
{{- if and .Values.gatewayAPI.enabled (or (eq $create "true") (and (eq $create "auto") (.Capabilities.APIVersions.Has "gateway.networking.k8s.io/v1/GatewayClass"))) -}}true{{- end -}}
{{- end }}

{{- define "sluice.ebpf" -}}
{{- if eq .Values.datapath.mode "ebpf" -}}true{{- end -}}
{{- end }}
