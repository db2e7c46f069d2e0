package services

import (
	"fmt"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/compose"
	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleOrder() rule.Rule {
	return rule.Rule{
		Code:     "GO430",
		Severity: finding.Style,
		Off:      true,
		Fix:      finding.Safe,
		Title:    "Write the keys of a service in one order",
		Why: "What runs, what it needs, what it is told, what it may: in the same order everywhere, " +
			"two services can be compared line by line.",
		Compose: each(checkOrder),
	}
}

// rank says where a key of a service belongs; keys that are not named here come
// last, as they are written.
func rank(key string) int {
	order := []string{
		"extends", "image", "build", "pull_policy", "platform", "container_name", "hostname", "profiles", // what runs
		"depends_on", "links", // what it needs
		"entrypoint", "command", "working_dir", "environment", "env_file", "configs", "secrets", // what it is told
		"ports", "expose", "networks", "network_mode", "extra_hosts", "dns", // who reaches it
		"volumes", "tmpfs", "shm_size", // where it writes
		"user", "group_add", "read_only", "cap_drop", "cap_add", "security_opt", "privileged", "pid", "ipc", "userns_mode", "ulimits", // what it may
		"deploy", "mem_limit", "cpus", "pids_limit", // what it gets
		"healthcheck", "restart", "init", "stop_signal", "stop_grace_period", "logging", "labels", // how it lives
	}
	if i := slices.Index(order, key); i >= 0 {
		return i
	}
	return len(order)
}

func checkOrder(p *rule.Pass, c *project.Compose, s *compose.Service) {
	if s.Body.Alias != nil {
		return
	}
	pairs := s.Body.Pairs
	for i := 1; i < len(pairs); i++ {
		if before, key := pairs[i-1].Key, pairs[i].Key; rank(key.Text) < rank(before.Text) {
			p.Report(c.File, rule.Report{
				At:      span(key),
				Message: fmt.Sprintf("%s comes before %s elsewhere; keep the keys in one order", key.Text, before.Text),
				Fix:     sorted(c, s),
			})
			return
		}
	}
}

// sorted writes the lines of the keys in their order; a comment goes with the
// key below it. Anchors have to come before their aliases, so that nothing is
// moved where there are any, and an empty line parts groups that somebody made.
func sorted(c *project.Compose, s *compose.Service) *finding.Fix {
	if s.Body.Flow || len(c.AST.Errors) > 0 {
		return nil
	}
	type block struct {
		key  string
		text string
	}
	var blocks []block
	first, region := 0, 0
	for i, pair := range s.Body.Pairs {
		line, column := c.Position(pair.Key.Whole.Start)
		text, start := c.Line(line)
		if strings.TrimLeft(text[:column-1], " ") != "" || !pair.Value.Exact {
			return nil
		}
		if i == 0 {
			first, region = start, start
		} else {
			start = commentAbove(c, line, start)
			blocks = append(blocks, block{s.Body.Pairs[i-1].Key.Text, c.Source[first:start]})
			first = start
		}
	}
	end := s.Body.End
	for end < len(c.Source) && c.Source[end] != '\n' {
		end++
	}
	if end == len(c.Source) {
		return nil
	}
	end++
	blocks = append(blocks, block{s.Body.Pairs[len(s.Body.Pairs)-1].Key.Text, c.Source[first:end]})
	whole := c.Source[region:end]
	if strings.ContainsAny(whole, "&*") || strings.Contains(whole, "<<") || strings.Contains(whole, "\n\n") || strings.Contains(whole, "\n\r\n") {
		return nil
	}
	slices.SortStableFunc(blocks, func(a, b block) int { return rank(a.key) - rank(b.key) })
	var text strings.Builder
	for _, b := range blocks {
		text.WriteString(b.text)
	}
	return rule.SafeFix(rule.Edit(c.File, dockerfile.Span{Start: region, End: end}, text.String()))
}

// commentAbove returns where the comments begin that stand right above a line.
func commentAbove(c *project.Compose, line, start int) int {
	for line--; line > 0; line-- {
		text, at := c.Line(line)
		if !strings.HasPrefix(strings.TrimLeft(text, " \t"), "#") {
			break
		}
		start = at
	}
	return start
}
