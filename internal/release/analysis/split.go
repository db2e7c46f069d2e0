package analysis

import "math"

// splitLevel is the probability with which a split that is as promised is taken
// for another one, in a whole release.
const splitLevel = 0.001

// split compares the shares of the units that the versions had with the weights
// that were promised, step by step.
type split struct {
	steps   []share
	noticed bool    // it was found not to be the promised one
	highest float64 // log of the highest evidence for that so far
}

// share is how many units each version had under one weight, and the sums that
// earlier weights of the step left: of the two logarithms below.
type share struct {
	weight           float64
	canary, stable   float64
	before, owedThen float64
	logE             float64 // that the share is not the weight, earlier weights included
}

func newSplit(steps int) split { return split{steps: make([]share, steps)} }

// add counts a cohort.
func (s *split) add(c Cohort) {
	at := &s.steps[c.Step]
	if at.weight != c.Weight {
		*at = share{weight: c.Weight, before: at.logE, owedThen: at.owed()}
	}
	at.canary += float64(c.Canary.Total())
	at.stable += float64(c.Stable.Total())
	at.logE = at.before + logBeta(at.canary+0.5, at.stable+0.5) - logBeta(0.5, 0.5) -
		at.canary*math.Log(at.weight) - at.stable*math.Log1p(-at.weight)
	s.highest = max(s.highest, s.logE())
	s.noticed = s.noticed || s.highest >= -math.Log(splitLevel)
}

// logE is the log of the evidence that the split is another one: in each step the
// likelihood of the labels under a share that is unknown (Dirichlet-multinomial,
// prior Beta(½, ½)) over that under the promised weight, and their mean.
func (s *split) logE() float64 {
	sum := math.Inf(-1)
	for i := range s.steps {
		sum = addLog(sum, s.steps[i].logE)
	}
	return sum - math.Log(float64(len(s.steps)))
}

// debts are, by step, the logs of what has to be divided out of what was earned since;
// none if nil.
type debts []float64

func (d debts) since(step int) float64 {
	if d == nil {
		return 0
	}
	return d[step]
}

// owed is, for each step, the log of how much likelier the best of all constant
// splits since its beginning makes the labels than the promised one does.
func (s *split) owed() debts {
	all := make(debts, len(s.steps))
	sum := 0.0
	for i := len(all) - 1; i >= 0; i-- {
		sum += s.steps[i].owed()
		all[i] = sum
	}
	return all
}

func (s *share) owed() float64 {
	owed := s.owedThen
	all := s.canary + s.stable
	if s.canary > 0 {
		owed += s.canary * math.Log(s.canary/all/s.weight)
	}
	if s.stable > 0 {
		owed += s.stable * math.Log(s.stable/all/(1-s.weight))
	}
	return max(owed, s.owedThen)
}

func logBeta(a, b float64) float64 {
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	return la + lb - lab
}
