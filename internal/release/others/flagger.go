package others

// FlaggerThreshold is spec.analysis.threshold in the examples of Flagger's
// documentation; the field itself has no default.
const FlaggerThreshold = 5

// Flagger counts failed checks. A check of an interval fails when the success rate
// is below its minimum or the 99th percentile above its maximum, and also when
// there are no values. Passed checks in between do not take failed ones back. The
// number is compared at the beginning of the next interval, before its own check.
//
// Source: github.com/fluxcd/flagger, pkg/controller/scheduler.go (advanceCanary,
// rollback) and scheduler_metrics.go (runBuiltinMetricChecks).
type Flagger struct {
	limits    Limits
	threshold int
	failed    int
}

// NewFlagger returns the rule for a release.
func NewFlagger(limits Limits, threshold int) *Flagger {
	return &Flagger{limits: limits, threshold: threshold}
}

// Name implements Rule.
func (*Flagger) Name() string { return "Flagger" }

// Look implements Rule.
func (f *Flagger) Look(m Minute) Action {
	if f.failed >= f.threshold {
		return RollBack
	}
	if m.Missing || m.Canary.Units == 0 || !f.limits.kept(m.Canary) {
		f.failed++
	}
	return Go
}

// Failed is how many checks have failed.
func (f *Flagger) Failed() int { return f.failed }
