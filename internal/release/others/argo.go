package others

// ArgoFailureLimit is failureLimit in the examples of the documentation of Argo
// Rollouts; the field's own default is 0. ArgoErrorLimit is the default of
// consecutiveErrorLimit, and the default of inconclusiveLimit is 0.
const (
	ArgoFailureLimit = 3
	ArgoErrorLimit   = 4
)

// Argo counts measurements. One that does not meet the success condition failed;
// without requests the rate is no number, meets no condition, and fails likewise.
// What cannot be measured is an error, and only errors in a row count. The run
// fails with more failed measurements than failureLimit, or more errors in a row
// than consecutiveErrorLimit: both end the rollout. With a failure condition beside
// the success condition a measurement may meet neither; such a run is inconclusive,
// and the rollout pauses.
//
// Source: github.com/argoproj/argo-rollouts, analysis/analysis.go
// (runMeasurements, assessMetricStatus) and utils/evaluate/evaluate.go.
type Argo struct {
	limits       Limits
	failureLimit int
	failed       int
	errors       int // in a row
	// Between is the share of errors from which on the failure condition is met,
	// where there is one. Rates between the two conditions are inconclusive.
	Between float64
}

// NewArgo returns the rule for a release, with a success condition alone.
func NewArgo(limits Limits, failureLimit int) *Argo {
	return &Argo{limits: limits, failureLimit: failureLimit}
}

// Name implements Rule.
func (*Argo) Name() string { return "Argo Rollouts" }

// Look implements Rule.
func (a *Argo) Look(m Minute) Action {
	if m.Missing {
		if a.errors++; a.errors > ArgoErrorLimit {
			return RollBack
		}
		return Go
	}
	a.errors = 0
	if m.Canary.Units > 0 && a.limits.kept(m.Canary) {
		return Go
	}
	if a.Between > 0 && (m.Canary.Units == 0 || m.Canary.rate() < a.Between) {
		return Pause
	}
	if a.failed++; a.failed > a.failureLimit {
		return RollBack
	}
	return Go
}

// Failed is how many measurements have failed.
func (a *Argo) Failed() int { return a.failed }
