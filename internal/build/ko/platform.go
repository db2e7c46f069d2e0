package ko

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// allPlatforms stands for every platform that there is.
const allPlatforms = "all"

// splitPlatforms takes lists apart that are written as one, with commas.
func splitPlatforms(list []text) []text {
	var all []text
	for _, t := range list {
		all = append(all, spread(t, func(s string) []string {
			return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
		})...)
	}
	return all
}

func checkPlatforms(list []text) *Error {
	for _, t := range list {
		if err := checkPlatform(t.value, len(list)); err != nil {
			return t.at.errorf("", "%w", err)
		}
	}
	return nil
}

func checkPlatform(platform string, among int) error {
	if platform == allPlatforms {
		if among > 1 {
			return errors.New("all or specific platforms should be used, not both")
		}
		return nil
	}
	parts := strings.Split(platform, "/")
	if len(parts) > 3 || slices.Contains(parts, "") {
		return fmt.Errorf("%q is not a platform (allowed: all, linux, linux/ARCH, linux/ARCH/VARIANT)", platform)
	}
	if parts[0] != "linux" {
		return fmt.Errorf("%q: davit builds images for linux only", platform)
	}
	return nil
}

// ParsePlatforms reads a list as ko's --platform and KO_DEFAULTPLATFORMS take
// it: "linux/amd64,linux/arm64", "linux" or "all".
func ParsePlatforms(list string) ([]string, error) {
	all := splitPlatforms([]text{{value: list}})
	if err := checkPlatforms(all); err != nil {
		return nil, err.Err
	}
	return values(all), nil
}

// SelectPlatforms returns those of the available platforms ("linux/arm/v7", as
// a base has them) that a list of ParsePlatforms means, in the order in which
// they are available. What a platform leaves out, its variant or more, matches
// all. One that matches nothing is an error.
func SelectPlatforms(wanted, available []string) ([]string, error) {
	used := map[string]bool{}
	var selected []string
	for _, platform := range available {
		hit := false
		for _, want := range wanted {
			if want == allPlatforms || platform == want || strings.HasPrefix(platform, want+"/") {
				used[want], hit = true, true
			}
		}
		if hit {
			selected = append(selected, platform)
		}
	}
	for _, want := range wanted {
		if !used[want] {
			return nil, fmt.Errorf("no platform matches %s (available: %s)", want, strings.Join(available, ", "))
		}
	}
	return selected, nil
}

func values(list []text) []string {
	var all []string
	for _, t := range list {
		all = append(all, t.value)
	}
	return all
}
