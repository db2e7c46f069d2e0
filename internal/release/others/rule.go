// Package others holds the rules by which other tools decide about a canary,
// told in this project's words from their sources: minute by minute, from the same
// counts that davit looks at. It is there to compare, decides nothing, and must not
// import anything of the project.
//
// The schedule of weights is davit's; what a rule does beside rolling back (Flagger
// keeps the weight while a check fails, a paused rollout waits for a person) is left
// out. A minute is the interval that their documentation uses.
package others

// Minute is what both versions did in a minute.
type Minute struct {
	Canary, Stable Seen
	// Missing says that nothing was scraped: not that nothing happened.
	Missing bool
}

// Seen is what a version did in a minute.
type Seen struct {
	Units, Failed int64
	// Slow is how many units were slower than what the fixed rules allow the 99th
	// percentile, and Latency the mean. Both are zero where latency is not looked at.
	Slow    int64
	Latency float64
}

func (s Seen) rate() float64 { return float64(s.Failed) / float64(s.Units) }

// Action is what a rule wants after a minute.
type Action string

// The actions. After RollBack and Pause a rule is not asked again.
const (
	Go       Action = ""
	RollBack Action = "rolled_back"
	Pause    Action = "paused" // for a person: the measurements said nothing
)

// Rule is another tool's way to decide.
type Rule interface {
	Name() string
	// Look is told of the next minute.
	Look(m Minute) Action
}

// Limits are what the rules with fixed thresholds allow in a minute: the
// documentation of both tools has 1 % of errors in its examples or close to it, and
// half a second for the 99th percentile.
type Limits struct {
	Failed float64 // share of the units
	Slow   float64 // share of the units that may be slower than the limit
}

// DefaultLimits are 99 % success, and a 99th percentile within the limit.
func DefaultLimits() Limits { return Limits{Failed: 0.01, Slow: 0.01} }

func (l Limits) kept(s Seen) bool {
	return s.rate() <= l.Failed && float64(s.Slow) <= l.Slow*float64(s.Units)
}

// All returns the rules at the defaults of their tools or, where a tool has none,
// of its documentation.
func All() []Rule {
	return []Rule{
		NewFlagger(DefaultLimits(), FlaggerThreshold),
		NewArgo(DefaultLimits(), ArgoFailureLimit),
		NewKayenta(KayentaCritical),
	}
}

// Result is what a rule did with a release.
type Result struct {
	Rule   string `json:"rule"`
	Action Action `json:"action,omitempty"` // empty: it went through
	Minute int    `json:"minute,omitempty"` // after which, counted from 1
}

// Replay asks a rule about one minute after the other.
func Replay(rule Rule, minutes []Minute) Result {
	for i, m := range minutes {
		if action := rule.Look(m); action != Go {
			return Result{Rule: rule.Name(), Action: action, Minute: i + 1}
		}
	}
	return Result{Rule: rule.Name()}
}
