package quantity

import (
	"fmt"
	"regexp"
	"strings"
)

// Cores is a number of CPU cores in thousandths, written as a decimal number:
// "0.5", or "500m". Zero is written "none": there is no limit.
type Cores int64

// CoresForm is what Cores look like.
const CoresForm = `^(none|[0-9]+(\.[0-9]+)?|[0-9]+m)$`

var coresForm = regexp.MustCompile(CoresForm)

// milli is how many Cores one core has.
const milli = 1000

// Milli returns c in thousandths of a core.
func (c Cores) Milli() int64 { return int64(c) }

// Ceil returns the least whole number of cores that is not below c.
func (c Cores) Ceil() int { return int((c + milli - 1) / milli) }

// String writes c as a decimal number of cores.
func (c Cores) String() string {
	if c == 0 {
		return None
	}
	text := fmt.Sprintf("%d.%03d", c/milli, c%milli)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".")
}

// MarshalText implements encoding.TextMarshaler.
func (c Cores) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Cores) UnmarshalText(text []byte) error {
	if !coresForm.Match(text) {
		return fmt.Errorf("%q is not a number of cores such as 0.5, 2 or 500m, nor none", text)
	}
	if string(text) == None {
		*c = 0
		return nil
	}
	const most = 1 << 20 * milli
	factor := int64(milli)
	number, thousandths := strings.CutSuffix(string(text), "m")
	if thousandths {
		factor = 1
	}
	v, ok := scaled(number, factor)
	if !ok || v > most {
		return fmt.Errorf("%q is not a number of thousandths of a core from 0.001 to %d", text, most/milli)
	}
	*c = Cores(v)
	return nil
}
