package analysis

import (
	"cmp"
	"slices"
)

// Component is an alternative since a step, and what it has earned.
type Component struct {
	Name string  `json:"name"`
	Step int     `json:"step"` // from 0
	LogE float64 `json:"log_e"`
}

// Components returns the alternatives of being worse that have earned most, the
// best first, each since the step from which on it has.
func (t *Test) Components(most int) []Component {
	var all []Component
	p, owed := &t.worse, t.owed()
	for i, a := range p.alternatives {
		best := Component{Name: a.name, LogE: p.logs[i*p.steps] - owed.since(0)}
		for step := range p.steps {
			if l := p.logs[i*p.steps+step] - owed.since(step); l > best.LogE {
				best.Step, best.LogE = step, l
			}
		}
		all = append(all, best)
	}
	slices.SortStableFunc(all, func(a, b Component) int { return cmp.Compare(b.LogE, a.LogE) })
	return all[:min(most, len(all))]
}

// Part is what the units of one class of one version added to a component.
type Part struct {
	Canary bool    `json:"canary"`
	Class  string  `json:"class"`
	Units  int64   `json:"units"`
	LogE   float64 `json:"log_e"`
}

// account adds up, for one component, what each class has added.
type account struct {
	name  string
	step  int
	parts map[Part]Part // by version and class alone
}

// Follow keeps an account of a component from now on.
func (t *Test) Follow(name string, step int) {
	t.followed = &account{name, step, map[Part]Part{}}
}

// Parts returns the account, what added most first.
func (t *Test) Parts() []Part {
	var all []Part
	if t.followed != nil {
		for _, p := range t.followed.parts {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b Part) int {
		return cmp.Or(cmp.Compare(b.LogE, a.LogE), cmp.Compare(a.Class, b.Class), cmp.Compare(b.Units, a.Units))
	})
	return all
}

// add books a cohort under the guess by which it is scored.
func (a *account) add(p *process, c Cohort, g guess) {
	if c.Step < a.step {
		return
	}
	at := slices.IndexFunc(p.alternatives, func(x alternative) bool { return x.name == a.name })
	if at < 0 {
		return
	}
	b := g.bet(p.alternatives[at], len(c.Canary.Units))
	l := b.logs(c.Weight)
	for y := range b.canary {
		class := className(y, len(b.canary))
		a.book(Part{Canary: true, Class: class}, c.Canary.Units[y], l.canary(b.canary[y]))
		a.book(Part{Class: class}, c.Stable.Units[y], l.stable(b.stable[y]))
	}
}

func (a *account) book(key Part, units int64, each float64) {
	if units == 0 {
		return
	}
	sum := a.parts[key]
	sum.Canary, sum.Class = key.Canary, key.Class
	sum.Units, sum.LogE = plus(sum.Units, units), sum.LogE+float64(units)*each
	a.parts[key] = sum
}

// className says what the units of a class have in common.
func className(class, classes int) string {
	switch {
	case class == classes-1:
		return "failed"
	case classes == errorClasses:
		return "good"
	}
	return []string{
		"up to p50", "p50 to p75", "p75 to p90", "p90 to p95", "p95 to p99", "p99 to p99.8", "beyond p99.8",
	}[class]
}
