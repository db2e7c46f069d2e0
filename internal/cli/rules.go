package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/davit-dev/davit/docs"
	"github.com/davit-dev/davit/internal/check"
	"github.com/davit-dev/davit/internal/check/finding"
)

// ruleEntry is what --list --json says about a rule.
type ruleEntry struct {
	Code     string           `json:"code"`
	Aliases  []string         `json:"aliases"`
	Severity finding.Severity `json:"severity"`
	Off      bool             `json:"off"`
	Fix      finding.Safety   `json:"fix,omitempty"`
	Title    string           `json:"title"`
	Why      string           `json:"why"`
}

func (c *call) listRules() error {
	if c.json {
		list := []ruleEntry{}
		for _, r := range check.Rules() {
			list = append(list, ruleEntry{r.Code, append([]string{}, r.Aliases...), r.Severity, r.Off, r.Fix, r.Title, r.Why})
		}
		return printJSON(c.Out, list)
	}
	table := tabwriter.NewWriter(c.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CODE\tSEVERITY\tFIX\tTITLE")
	for _, r := range check.Rules() {
		severity, fix := string(r.Severity), string(r.Fix)
		if r.Off {
			severity += ", off"
		}
		if fix == "" {
			fix = "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", r.Code, severity, fix, r.Title)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print rules: %w", err)
	}
	return nil
}

// explainRule prints the page of a rule.
func (c *call) explainRule(name string) error {
	rules := check.Rules()
	found, known := rules.Find(name)
	if !known {
		return usageErrorf("--explain: %v", rules.Unknown(name))
	}
	page, written := docs.Check(found.Code)
	if !written {
		page = fmt.Sprintf("# %s\n\n**%s.** Severity: %s.\n\n%s\n", found.Code, found.Title, found.Severity, found.Why)
	}
	if _, err := fmt.Fprint(c.Out, formatPage(page, c.Colored)); err != nil {
		return fmt.Errorf("print page: %w", err)
	}
	return nil
}

// formatPage takes away what only other programs read, and on a terminal shows
// headings, examples and what is emphasised as such.
func formatPage(page string, colored bool) string {
	var out strings.Builder
	inExample, blank := false, false
	for line := range strings.Lines(page) {
		text := strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(text, "<!--"):
			continue
		case strings.TrimSpace(text) == "" && blank:
			continue
		case colored:
			if text, inExample = formatLine(text, inExample); text == "```" {
				continue
			}
		}
		blank = strings.TrimSpace(text) == ""
		out.WriteString(text + "\n")
	}
	return out.String()
}

// formatLine formats a line for a terminal, and says whether it is in an example.
func formatLine(text string, inExample bool) (string, bool) {
	const bold, dim, plain = "\x1b[1m", "\x1b[2m", "\x1b[0m"
	switch heading := strings.TrimLeft(text, "#"); {
	case strings.HasPrefix(text, "```"):
		return "```", !inExample
	case inExample && strings.HasPrefix(text, "-- "):
		return "  " + dim + text + plain, true
	case inExample:
		return "  " + text, true
	case heading != text:
		return bold + strings.TrimSpace(heading) + plain, false
	}
	for strings.Count(text, "**") >= 2 {
		text = strings.Replace(strings.Replace(text, "**", bold, 1), "**", plain, 1)
	}
	return text, false
}
