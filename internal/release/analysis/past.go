package analysis

// past is what is known of the stable version: units by class. It holds
// fractions of units, so that scaling keeps even a small rate as it is.
type past []float64

// scaled keeps the shares of a prior and at most priorMost of its units.
func scaled(c Counts, classes int) past {
	p := make(past, classes)
	p.add(c)
	if total := float64(c.Total()); total > priorMost {
		for y := range p {
			p[y] *= priorMost / total
		}
	}
	return p
}

// add adds units. Where they are in other classes than the past, those that did
// not fail are spread as the past is.
func (p past) add(c Counts) {
	if len(c.Units) == len(p) {
		for y, n := range c.Units {
			p[y] += float64(n)
		}
		return
	}
	last := len(p) - 1
	shares := p.shares()
	for y := range p[:last] {
		p[y] += float64(c.Total()-c.Errors()) * shares[y] / (1 - shares[last])
	}
	p[last] += float64(c.Errors())
}

// shares guesses the shares of the outcome classes from the past alone, never
// from the cohort that is to be scored: the error rate, and among the units that
// did not fail the shares of the others (Krichevsky and Trofimov's estimator).
// They lie strictly between 0 and 1.
func (p past) shares() []float64 {
	last := len(p) - 1
	good := 0.0
	for _, n := range p[:last] {
		good += n
	}
	shares := make([]float64, len(p))
	shares[last] = within((p[last] + 0.5) / (good + p[last] + 1))
	for y, n := range p[:last] {
		shares[y] = (1 - shares[last]) * (n + 0.5) / (good + float64(last)/2)
	}
	return shares
}
