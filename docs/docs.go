// Package docs holds the pages of the documentation that the program itself
// shows.
package docs

import "embed"

//go:embed checks/*.md
var checks embed.FS

// Check returns the page of a rule of davit check, in Markdown.
func Check(code string) (page string, found bool) {
	data, err := checks.ReadFile("checks/" + code + ".md")
	return string(data), err == nil
}
