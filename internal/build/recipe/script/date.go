package script

import (
	"strconv"
	"strings"
	"time"
)

// date prints the time that is given from outside. The time of this machine's
// clock would make another image with each build.
func date(s *Shell, args []string) (action, error) {
	if s.out == nil {
		return nil, nil
	}
	seconds, err := strconv.ParseInt(s.Stage.Epoch, 10, 64)
	if err != nil {
		return nil, &RefusalError{
			Reason: "date makes another image with each build",
			Hint:   "leave the time out, or say which it is with --build-arg SOURCE_DATE_EPOCH=SECONDS",
		}
	}
	format := "+%a %b %e %H:%M:%S UTC %Y"
	for _, arg := range args {
		switch {
		case arg == "-u" || arg == "--utc":
		case arg == "-Iseconds" || arg == "--iso-8601=seconds":
			format = "+%Y-%m-%dT%H:%M:%S+00:00"
		case arg == "-R" || arg == "--rfc-2822":
			format = "+%a, %d %b %Y %H:%M:%S +0000"
		case strings.HasPrefix(arg, "+"):
			format = arg
		default:
			return nil, refuse("date %s is not understood", arg)
		}
	}
	text, err := formatTime(format[1:], time.Unix(seconds, 0).UTC())
	s.print(text + "\n")
	return nil, err
}

// formatTime writes a time as strftime(3) does.
func formatTime(format string, t time.Time) (string, error) {
	layouts := map[byte]string{
		'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'S': "05", 'F': "2006-01-02", 'T': "15:04:05",
		'y': "06", 'b': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday", 'e': "_2", 'Z': "UTC", 'z': "-0700",
		'I': "03", 'p': "PM", 'R': "15:04", 'D': "01/02/06", 'j': "002", 'N': "000000000",
	}
	var out strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			out.WriteByte(format[i])
			continue
		}
		if i++; i >= len(format) {
			return "", refuse("date +%s is not understood", format)
		}
		layout, known := layouts[format[i]]
		switch {
		case format[i] == 's':
			out.WriteString(strconv.FormatInt(t.Unix(), 10))
		case format[i] == '%':
			out.WriteByte('%')
		case known:
			out.WriteString(t.Format(layout))
		default:
			return "", refuse("date +%s is not understood", format)
		}
	}
	return out.String(), nil
}
