package analysis_test

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/davit-dev/davit/internal/release/analysis"
)

var update = flag.Bool("update", false, "write the golden vectors anew, from the direct products")

// vector is a release and what its evidence is, computed by direct.
type vector struct {
	Tolerance float64        `json:"tolerance"`
	Steps     int            `json:"steps"`
	Drawn     bool           `json:"drawn"`
	Prior     [2]int64       `json:"prior"` // good, failed
	Cohorts   []vectorCohort `json:"cohorts"`
	E         float64        `json:"e"`        // after the last cohort
	Highest   float64        `json:"highest"`  // after any
	MirrorE   float64        `json:"mirror_e"` // after the last
	Kind      analysis.Kind  `json:"kind"`
}

type vectorCohort struct {
	Step   int      `json:"step"`
	Weight float64  `json:"weight"`
	Canary [2]int64 `json:"canary"`
	Stable [2]int64 `json:"stable"`
}

// TestGolden compares the code with committed vectors, and these with products
// over single units, written down from the formulas and in no logarithms.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want := readVector(t, file)
			e, highest, mirror := want.direct()
			if *update {
				want.E, want.Highest, want.MirrorE = e, highest, mirror
				writeVector(t, file, want)
			}
			near(t, "direct E", e, want.E)
			near(t, "direct highest E", highest, want.Highest)
			near(t, "direct mirror", mirror, want.MirrorE)
			v := want.verdict(t)
			near(t, "E", math.Exp(v.LogE), want.E)
			near(t, "highest E", v.E, want.Highest)
			near(t, "mirror", v.MirrorE, want.MirrorE)
			if v.Kind != want.Kind {
				t.Errorf("the verdict is %s, want %s", v.Kind, want.Kind)
			}
		})
	}
}

func (v vector) verdict(t *testing.T) analysis.Verdict {
	t.Helper()
	test := newTest(t, analysis.Config{
		Tolerance: v.Tolerance, Steps: v.Steps, Drawn: v.Drawn, Prior: counts(v.Prior[0], v.Prior[1]),
	})
	for _, c := range v.Cohorts {
		test.Score(analysis.Cohort{
			Step: c.Step, Weight: c.Weight,
			Canary: counts(c.Canary[0], c.Canary[1]), Stable: counts(c.Stable[0], c.Stable[1]),
		})
	}
	return test.Verdict()
}

// direct multiplies unit by unit, component by component. What another split
// would explain as well is divided out.
func (v vector) direct() (e, highest, mirror float64) {
	highest = 1
	units, failed := float64(v.Prior[0]+v.Prior[1]), float64(v.Prior[1])
	worse := ones(7 * v.Steps)
	notWorse := ones(4 * v.Steps)
	labels := make([][2]int64, v.Steps)
	weights := make([]float64, v.Steps)
	blind := directBlind{tolerance: v.Tolerance, steps: v.Steps, e: ones(4 * v.Steps)}
	ofWorse := mixed(v.Steps, 0.25, 0.2, 0.25, 0.12, 0.1, 0.05, 0.03)
	ofNotWorse := mixed(v.Steps, 0.25, 0.25, 0.25, 0.25)
	for _, c := range v.Cohorts {
		q := (failed + 0.5) / (units + 1)
		qb := (1-v.Tolerance)*q + v.Tolerance
		if c.Weight > 0 && c.Weight < 1 {
			for j, psi := range []float64{1.5, 2, 3, 5, 10, 30, 100} {
				c.multiply(worse[j*v.Steps:][:v.Steps], qb, psi*qb/(1-qb+psi*qb), v.Tolerance)
			}
			c.multiply(notWorse[:v.Steps], qb, q, v.Tolerance)
			for j, psi := range []float64{1.0 / 2, 1.0 / 5, 1.0 / 20} {
				c.multiply(notWorse[(j+1)*v.Steps:][:v.Steps], qb, psi*qb/(1-qb+psi*qb), v.Tolerance)
			}
			labels[c.Step][0] += c.Canary[0] + c.Canary[1]
			labels[c.Step][1] += c.Stable[0] + c.Stable[1]
			weights[c.Step] = c.Weight
			blind.add(c)
		}
		units += float64(c.Stable[0] + c.Stable[1])
		failed += float64(c.Stable[1])
		nowWorse, nowNotWorse, blindly := worse, notWorse, blind.highest()/9
		if !v.Drawn {
			nowWorse, nowNotWorse, blindly = paid(worse, labels, weights), paid(notWorse, labels, weights), blind.highest()
		}
		e, mirror = ofWorse(nowWorse), ofNotWorse(nowNotWorse)
		highest = max(highest, e, blindly)
	}
	return e, highest, mirror
}

// mixed is the mixture of components, by alternative and then step, of which the
// alternatives weigh so much: half of it on a start with the first step.
func mixed(steps int, weights ...float64) func(components []float64) float64 {
	return func(components []float64) float64 {
		sum := 0.0
		for i, e := range components {
			start := 0.5 / float64(steps-1)
			switch {
			case steps == 1:
				start = 1
			case i%steps == 0:
				start = 0.5
			}
			sum += weights[i/steps] * start * e
		}
		return sum
	}
}

// paid divides the components by the likelihood ratio of the best split in each
// step since theirs.
func paid(components []float64, labels [][2]int64, weights []float64) []float64 {
	out := slices.Clone(components)
	for i := range out {
		for step := i % len(labels); step < len(labels); step++ {
			canary, stable := float64(labels[step][0]), float64(labels[step][1])
			if canary > 0 {
				out[i] /= math.Pow(canary/(canary+stable)/weights[step], canary)
			}
			if stable > 0 {
				out[i] /= math.Pow(stable/(canary+stable)/(1-weights[step]), stable)
			}
		}
	}
	return out
}

// directBlind is the form that does not know the split.
type directBlind struct {
	tolerance      float64
	steps, step    int
	canary, stable [2]int64
	e              []float64 // by step, then alternative
}

func (d *directBlind) add(c vectorCohort) {
	if c.Step != d.step {
		d.step, d.canary, d.stable = c.Step, [2]int64{}, [2]int64{}
	}
	for y := range 2 {
		d.canary[y] += c.Canary[y]
		d.stable[y] += c.Stable[y]
	}
	if d.canary[0]+d.canary[1]+d.stable[0]+d.stable[1] < 100 {
		return
	}
	for i, psi := range []float64{1.5, 3, 10, 50} {
		d.e[d.step*4+i] *= batchFactor(d.canary, d.stable, psi, d.tolerance)
	}
	d.canary, d.stable = [2]int64{}, [2]int64{}
}

func (d *directBlind) highest() float64 {
	highest := 0.0
	for step := range d.steps {
		highest = max(highest, average(d.e[step*4:][:4])/float64(d.steps))
	}
	return highest
}

// batchFactor is the mean over the coins of ψ^k_c/Σ_j h(j)·ψ^j, with binomials by
// way of the gamma function. Coins that nobody will ever see are left out.
func batchFactor(canary, stable [2]int64, psi, eps float64) float64 {
	nc, nb := canary[0]+canary[1], stable[0]+stable[1]
	if nc == 0 || nb == 0 {
		return 1
	}
	sum := 0.0
	for m := range stable[0] + 1 {
		coins := binomial(stable[0], m, eps)
		if coins < 1e-14 {
			continue
		}
		all := canary[1] + stable[1] + m
		inverse := 0.0
		for j := max(0, all-nb); j <= min(nc, all); j++ {
			inverse += math.Exp(logChoose(nc, j) + logChoose(nb, all-j) - logChoose(nc+nb, all) + float64(j-canary[1])*math.Log(psi))
		}
		sum += coins / inverse
	}
	return sum
}

func logChoose(n, k int64) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// binomial is the probability of k in n.
func binomial(n, k int64, p float64) float64 {
	if p == 0 || p == 1 {
		return map[bool]float64{true: 1}[k == int64(p)*n]
	}
	return math.Exp(logChoose(n, k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}

// multiply takes the components of one alternative, by step, through a cohort.
func (c vectorCohort) multiply(components []float64, qb, qc, eps float64) {
	s := func(qx, y float64) float64 { // y: 1 for an error
		of := func(q float64) float64 { return y*q + (1-y)*(1-q) }
		return of(qx) / (c.Weight*of(qc) + (1-c.Weight)*of(qb))
	}
	for y := range 2 {
		stable := (1-eps)*s(qb, float64(y)) + eps*s(qb, 1)
		for step := range components {
			if step > c.Step {
				break
			}
			for range c.Canary[y] {
				components[step] *= s(qc, float64(y))
			}
			for range c.Stable[y] {
				components[step] *= stable
			}
		}
	}
}

func ones(n int) []float64 {
	all := make([]float64, n)
	for i := range all {
		all[i] = 1
	}
	return all
}

func average(all []float64) float64 {
	sum := 0.0
	for _, x := range all {
		sum += x
	}
	return sum / float64(len(all))
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func readVector(t *testing.T, file string) (v vector) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return v
}

func writeVector(t *testing.T, file string, v vector) {
	t.Helper()
	data, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
