package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// plots are the pictures of the page, by file name.
func plots(results []result) map[string]string {
	return map[string]string{
		"false.svg": falsePlot(results), "harmed.svg": harmedPlot(results),
		"time.svg": timePlot(results), "undecided.svg": undecidedPlot(results),
	}
}

// colors of the rules, in their order; told apart by people who see few colors, too.
func colors() []string {
	return []string{"#0b6e4f", "#c1440e", "#3b6fb6", "#8a5a00", "#7fc4a8", "#e79b7d", "#93b5e1", "#cfa95f"}
}

// canvas is a picture in the making.
type canvas struct {
	strings.Builder
	height float64
}

const width, left, right, top = 720.0, 130.0, 20.0, 46.0

func newCanvas(title string, height float64) *canvas {
	c := &canvas{height: height}
	fmt.Fprintf(c, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="sans-serif" font-size="11">`+
		`<rect width="%g" height="%g" fill="#fff"/>`+"\n", width, height, width, height)
	c.text(10, 16, "start", title)
	return c
}

func (c *canvas) text(x, y float64, anchor, text string) {
	fmt.Fprintf(c, `<text x="%.1f" y="%.1f" text-anchor="%s" fill="#222">%s</text>`+"\n", x, y, anchor, text)
}

func (c *canvas) line(x1, y1, x2, y2 float64, color string) {
	fmt.Fprintf(c, `<path d="M%.1f %.1fL%.1f %.1f" stroke="%s" fill="none"/>`+"\n", x1, y1, x2, y2, color)
}

func (c *canvas) dot(x, y float64, color string) {
	fmt.Fprintf(c, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`+"\n", x, y, color)
}

func (c *canvas) bar(x, y, w, h float64, color string) {
	fmt.Fprintf(c, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", x, y, w, h, color)
}

// legend names colors in the second line.
func (c *canvas) legend(names, colors []string) {
	x := 10.0
	for i, name := range names {
		c.bar(x, 25, 9, 9, colors[i])
		c.text(x+12, 33, "start", name)
		x += 24 + 6*float64(len(name))
	}
}

func (c *canvas) end() string {
	c.WriteString("</svg>\n")
	return c.String()
}

// scale places values on a logarithmic axis.
type scale struct{ from, to, start, end float64 }

func (s scale) at(v float64) float64 {
	v = math.Min(math.Max(v, s.from), s.to)
	return s.start + (s.end-s.start)*math.Log(v/s.from)/math.Log(s.to/s.from)
}

// falsePlot: a row for each shape, a dot for each rule at its highest share.
func falsePlot(results []result) string {
	shapes := claimed()
	c := newCanvas("Rolled back although no worse: the highest share among all traffics (log scale; below 0.01 % at the left)", top+float64(len(shapes))*22+30)
	c.legend(ruleNames(), colors())
	x := scale{1e-4, 1, left, width - right}
	for _, v := range []float64{1e-4, 1e-3, 1e-2, 1e-1, 1} {
		c.line(x.at(v), top, x.at(v), c.height-24, map[bool]string{true: "#d33", false: "#ddd"}[v == alpha])
		c.text(x.at(v), c.height-8, "middle", fmt.Sprintf("%g %%", 100*v))
	}
	for row, s := range shapes {
		y := top + 14 + 22*float64(row)
		c.text(left-8, y+4, "end", s.name)
		for rule := range slices.Backward(ruleNames()) {
			highest := 0.0
			for _, r := range results {
				if r.claim && r.name == s.name {
					highest = math.Max(highest, r.scores[rule].rate())
				}
			}
			c.dot(x.at(highest), y, colors()[rule])
		}
	}
	return c.end()
}

// lines draws, for each rule, a median over an axis of situations.
func lines(title string, labels []string, y scale, ticks []float64, unit string, value func(rule, i int) (float64, bool)) string {
	c := newCanvas(title, 300)
	c.legend(ruleNames(), colors())
	y.start, y.end = c.height-30, top+8
	for _, v := range ticks {
		c.line(60, y.at(v), width-right, y.at(v), "#ddd")
		c.text(54, y.at(v)+4, "end", fmt.Sprintf("%g%s", v, unit))
	}
	x := func(i int) float64 { return 100 + float64(i)*(width-160)/float64(len(labels)-1) }
	for i, label := range labels {
		c.text(x(i), c.height-10, "middle", label)
	}
	for rule := range slices.Backward(ruleNames()) {
		lastX, lastY := 0.0, 0.0
		for i := range labels {
			v, ok := value(rule, i)
			if !ok {
				lastX = 0
				continue
			}
			if lastX > 0 {
				c.line(lastX, lastY, x(i), y.at(v), colors()[rule])
			}
			lastX, lastY = x(i), y.at(v)
			c.dot(lastX, lastY, colors()[rule])
		}
	}
	return c.end()
}

// find returns the cell of errors at one rate and ratio that is shown.
func find(results []result, rate, ratio float64) (result, bool) {
	for _, r := range results {
		if r.name == "errors" && r.rate == rate && r.ratio == ratio && r.base == plotted && r.onset == 0 {
			return r, true
		}
	}
	return result{}, false
}

func harmedPlot(results []result) string {
	var labels []string
	for _, rate := range rates() {
		labels = append(labels, fmt.Sprintf("%g/s", rate))
	}
	return lines("Failed requests until rollback, 0.5 → 50 % errors, median (log scale)", labels,
		scale{from: 1, to: 10_000}, []float64{1, 10, 100, 1000, 10_000}, "", func(rule, i int) (float64, bool) {
			r, ok := find(results, rates()[i], 100)
			if !ok {
				return 0, false
			}
			return r.scores[rule].harm()
		})
}

func timePlot(results []result) string {
	labels := []string{}
	for _, ratio := range ratios() {
		labels = append(labels, fmt.Sprintf("×%g", ratio))
	}
	return lines("Seconds until rollback, from 0.5 % errors at 20 requests/s, median (log scale; ×1.5 and ×2 are tolerated)", labels,
		scale{from: 1, to: 1200}, []float64{1, 10, 60, 300, 1200}, " s", func(rule, i int) (float64, bool) {
			r, ok := find(results, 20, ratios()[i])
			if !ok {
				return 0, false
			}
			return r.scores[rule].median(r.scores[rule].Times)
		})
}

// undecidedPlot: a bar for each rate and ratio.
func undecidedPlot(results []result) string {
	c := newCanvas("What davit says after twenty minutes, from 0.5 % errors (×1.5 and ×2 are tolerated)", top+20*float64(len(rates())*len(ratios()))+10)
	shades := []string{"#0b6e4f", "#d9d9d9", "#93b5e1"}
	c.legend([]string{"rolled back", "undecided", "not worse"}, shades)
	row := 0
	for _, rate := range rates() {
		for _, ratio := range ratios() {
			r, ok := find(results, rate, ratio)
			if !ok {
				continue
			}
			y := top + 20*float64(row)
			c.text(left-8, y+12, "end", fmt.Sprintf("%g/s, ×%g", rate, ratio))
			x, all := left, width-left-right
			for i, n := range []int{r.scores[0].Rolled, r.undecided(), r.scores[0].NotWorse} {
				w := all * float64(n) / float64(r.runs)
				c.bar(x, y, w, 15, shades[i])
				x += w
			}
			row++
		}
	}
	return c.end()
}
