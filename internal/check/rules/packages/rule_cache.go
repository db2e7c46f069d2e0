package packages

import (
	"fmt"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleApkCache() rule.Rule {
	return rule.Rule{
		Code:     "DL3019",
		Severity: finding.Info,
		Fix:      finding.Safe,
		Title:    "Install packages of Alpine without keeping the index",
		Why: "`apk add` after `apk update` leaves the index of all packages in the layer. " +
			"With --no-cache it is fetched, used and not kept.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			for _, r := range runs(d) {
				for _, c := range verbs(apk(), []string{"add"})(r) {
					if !c.has("--no-cache") && !mounted(r, "/var/cache/apk") && !mounted(r, "/etc/apk/cache") {
						p.Report(d.File, rule.Report{
							At:      c.verbAt.Span,
							Message: "apk add keeps the index of all packages in the layer; add --no-cache",
							Fix:     inserted(d, c, finding.Safe, "--no-cache"),
						})
					}
				}
			}
		},
	}
}

func rulePipCache() rule.Rule {
	return rule.Rule{
		Code:     "DL3042",
		Severity: finding.Warning,
		Fix:      finding.Safe,
		Title:    "Install packages of Python without keeping them twice",
		Why:      "pip keeps what it has downloaded and built below ~/.cache. In a layer nobody reads that again.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			for _, r := range runs(d) {
				if mounted(r, "/root/.cache/pip") || slices.ContainsFunc(mounts(r), func(m string) bool { return strings.HasSuffix(m, "/.cache/pip") }) {
					continue
				}
				for _, c := range pipCalls(r) {
					if c.verb == "install" && !c.has("--no-cache-dir") && !pipCacheIsOff(c) {
						p.Report(d.File, rule.Report{
							At:      c.verbAt.Span,
							Message: fmt.Sprintf("%s install keeps its downloads in the layer; add --no-cache-dir", c.name),
							Fix:     inserted(d, c, finding.Safe, "--no-cache-dir"),
						})
					}
				}
			}
		},
	}
}

// pipCacheIsOff says what the environment says: pip takes the words that
// Python's strtobool takes for true. A value that is not known may be one.
func pipCacheIsOff(c call) bool {
	value, set := c.Lookup("PIP_NO_CACHE_DIR")
	if !set {
		return false
	}
	return !value.Known || slices.Contains([]string{"1", "true", "on", "yes", "y", "t"}, strings.ToLower(value.Text))
}
