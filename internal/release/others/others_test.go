package others_test

import (
	"math"
	"testing"

	"github.com/davit-dev/davit/internal/release/others"
)

// minutes makes a minute of each letter: g good, f failing, s slow, n without
// requests of the canary, m missing. The stable version is good.
func minutes(letters string) []others.Minute {
	var all []others.Minute
	for i, l := range letters {
		// Values differ a little, as they do, so that there are no ties.
		m := others.Minute{
			Canary: others.Seen{Units: 1000, Failed: 2, Latency: 100 + float64(i)/100},
			Stable: others.Seen{Units: 1000, Failed: 2, Latency: 100.005 + float64(i)/100},
		}
		switch l {
		case 'f':
			m.Canary.Failed = 50 + int64(i)
		case 's':
			m.Canary.Slow, m.Canary.Latency = 11, 200+float64(i)
		case 'n':
			m.Canary = others.Seen{}
		case 'm':
			m = others.Minute{Missing: true}
		}
		all = append(all, m)
	}
	return all
}

func TestRules(t *testing.T) {
	limits := others.DefaultLimits()
	flagger := func() others.Rule { return others.NewFlagger(limits, 5) }
	argo := func() others.Rule { return others.NewArgo(limits, 3) }
	conclusive := func() others.Rule { a := others.NewArgo(limits, 3); a.Between = 0.04; return a }
	kayenta := func() others.Rule { return others.NewKayenta(others.KayentaCritical) }
	lenient := func() others.Rule { // the means are 26 and 1.02 to 2.1 times as high
		k := others.NewKayenta(others.KayentaCritical)
		k.ErrorIncrease, k.LatencyIncrease = 30, 2.2
		return k
	}
	for _, c := range []struct {
		rule   func() others.Rule
		course string
		action others.Action
		minute int
	}{
		{flagger, "gggggggggg", others.Go, 0},
		{flagger, "ffffff", others.RollBack, 6}, // the fifth is seen at the sixth
		{flagger, "fffff", others.Go, 0},
		{flagger, "fgsgngmgfgg", others.RollBack, 10}, // all kinds count, nothing is taken back
		{argo, "fffgg", others.Go, 0},
		{argo, "fgggfggsggn", others.RollBack, 11}, // more than three
		{argo, "mmmmgmmmm", others.Go, 0},
		{argo, "gmmmmmg", others.RollBack, 6}, // five errors in a row
		{conclusive, "gfffn", others.Pause, 5},
		{kayenta, "gggggggggg", others.Go, 0},
		{kayenta, "fffff", others.RollBack, 5},
		{kayenta, "sssss", others.RollBack, 5},
		{kayenta, "gggggfffffffffffffff", others.RollBack, 20},
		{kayenta, "nnnnnmmmmm", others.Go, 0},
		{lenient, "fffff", others.Go, 0},
		{lenient, "sssss", others.Go, 0},
	} {
		got := others.Replay(c.rule(), minutes(c.course))
		if got.Action != c.action || got.Minute != c.minute {
			t.Errorf("%s at %s: got %q after %d, want %q after %d", got.Rule, c.course, got.Action, got.Minute, c.action, c.minute)
		}
	}
}

// TestArgosInconclusiveRatesPause: between the two conditions.
func TestArgosInconclusiveRatesPause(t *testing.T) {
	a := others.NewArgo(others.DefaultLimits(), 0)
	a.Between = 0.1
	if got := others.Replay(a, minutes("gf")); got.Action != others.Pause || got.Minute != 2 {
		t.Errorf("got %+v", got)
	}
	if others.All()[1].Name() != "Argo Rollouts" {
		t.Error("the rules are in another order")
	}
}

// TestMannWhitney compares with values that were worked out by hand: of 25 pairs
// all are won, z = (25 − 12.5 − ½)/√(25·11/12); and with ties, of 4 pairs 2½ are
// won, z = (2½ − 2 − ½)/… = 0, or 3½, z = 1/√(4/12·(5 − 6/12)).
func TestMannWhitney(t *testing.T) {
	for _, c := range []struct {
		x, y []float64
		want float64
	}{
		{[]float64{6, 7, 8, 9, 10}, []float64{1, 2, 3, 4, 5}, 12 / math.Sqrt(25.0*11/12)},
		{[]float64{1, 2, 3, 4, 5}, []float64{6, 7, 8, 9, 10}, -12 / math.Sqrt(25.0*11/12)},
		{[]float64{1, 4}, []float64{1, 3}, 0},
		{[]float64{3, 4}, []float64{1, 3}, 1 / math.Sqrt(4.0/12*(5-6.0/12))},
		{[]float64{1, 1}, []float64{1, 1}, 0},
	} {
		if got := others.MannWhitney(c.x, c.y, 0); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v against %v: got %v, want %v", c.x, c.y, got, c.want)
		}
	}
	if got := others.MannWhitney([]float64{6, 7}, []float64{1, 2}, 5); got != 0 {
		t.Errorf("the shift leaves %v", got)
	}
	if got := others.Shift([]float64{6, 7}, []float64{1, 3}); got != 4.5 {
		t.Errorf("the shift is %v, want 4.5", got)
	}
}
