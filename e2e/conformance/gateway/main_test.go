// Package gateway compiles Gateway API's conformance suite into a test binary. Flags, profiles and features come from
// e2e/conformance/gateway/run.ts.
package gateway

import (
	"testing"

	"sigs.k8s.io/gateway-api/conformance"
)

func TestConformance(t *testing.T) {
	conformance.RunConformance(t)
}
