package analysis

// errorClasses and LatencyClasses are how many outcome classes there are: good
// and error; or seven of latency, cut at Quantiles of the stable version, and
// the error.
const (
	errorClasses   = 2
	LatencyClasses = 8
)

// Quantiles returns where the latencies of the stable version are cut. A class
// begins at its quantile; the first is everything below the median.
func Quantiles() []float64 { return []float64{0.50, 0.75, 0.90, 0.95, 0.99, 0.998} }
