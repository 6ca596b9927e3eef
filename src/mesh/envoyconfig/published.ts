/**
 * Label of CiliumEnvoyConfigs that the operator publishes: what an Ingress or a Gateway amounts to, for people and tools. What
 * they say is served already, so nothing reads them as configuration.
 */
export const publishedLabel = 'sluice.dev/published';

export function isPublished({
  metadata,
}: {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
}): boolean {
  return metadata.labels[publishedLabel] === 'true';
}
