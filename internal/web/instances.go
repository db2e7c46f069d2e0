package web

import (
	"fmt"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/driver"
)

// running says what runs of a release: how many instances, how many of them are not
// well, and what they may use that nothing keeps them from exceeding.
func running(app api.App, id string) []string {
	r, _ := app.Release(id)
	if len(r.Instances) == 0 {
		return []string{"no instance runs"}
	}
	text, unwell := "1 instance", 0
	if n := len(r.Instances); n > 1 {
		text = fmt.Sprintf("%d instances", n)
	}
	notes := []string{}
	for _, i := range r.Instances {
		if i.State != driver.Ready {
			unwell++
		}
		if i.Unlimited != "" && len(notes) == 0 { // it is the same machine for all
			notes = append(notes, "not limited: "+i.Unlimited)
		}
	}
	if unwell > 0 {
		text += fmt.Sprintf(", %d not well", unwell)
	}
	return append([]string{text}, notes...)
}
