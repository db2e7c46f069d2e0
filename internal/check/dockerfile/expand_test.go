package dockerfile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

// TestStages reads what FROM comes to, with the variables put in.
func TestStages(t *testing.T) {
	const head = "ARG V=1.2\nARG S=\"-alpine\"\nARG EMPTY=\nARG NONE\nARG W=${V}.3\n"
	for from, want := range map[string]string{
		"golang:$V":                  "golang:1.2",
		"golang:${V}$S":              "golang:1.2-alpine",
		"golang:${W}":                "golang:1.2.3",
		"golang:${V:-9}":             "golang:1.2",
		"golang:${EMPTY:-9}":         "golang:9",
		"golang:x${EMPTY-9}":         "golang:x",
		"golang:${NONE:-9}":          "golang:9",
		"golang:${X:-${Y:-7}}":       "golang:7",
		"golang:1${V:+-set}":         "golang:1-set",
		"golang:1${NONE:+-set}":      "golang:1",
		"golang:1${EMPTY+-set}":      "golang:1-set",
		`"golang:$V"`:                "golang:1.2",
		"'golang:$V'":                "golang:$V",
		`golang:\$V`:                 "golang:$V",
		"golang:$NONE":               "unknown",
		"golang:$X":                  "unknown",
		"golang:${V#1}":              "unknown",
		"golang:${V":                 "unknown",
		"a$":                         "a$",
		"--platform=$P golang:${V}x": "golang:1.2x",
	} {
		f := dockerfile.Parse([]byte(head + "FROM " + from + "\n"))
		image := f.Stages()[0].Image
		got := image.String()
		if !image.Known {
			got = "unknown"
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", from, got, want)
		}
	}
}

// What a variable puts in stands where the variable was set.
func TestExpandedTextKnowsItsPlaces(t *testing.T) {
	const source = "ARG V=\"1.2\"\nFROM golang:${V}-alpine\n"
	image := dockerfile.Parse([]byte(source)).Stages()[0].Image
	if image.Contiguous() {
		t.Error("the whole reference is said to stand in one place")
	}
	version := image.Slice(len("golang:"), len("golang:1.2"))
	if span := version.Span(); !version.Contiguous() || source[span.Start:span.End] != "1.2" {
		t.Errorf("the version is at %v", span)
	}
}

func TestParentStages(t *testing.T) {
	f := dockerfile.Parse([]byte("FROM a AS One\nFROM ONE as two\nFROM three\nFROM two\n"))
	var got []string
	for _, s := range f.Stages() {
		parent := "-"
		if s.Parent != nil {
			parent = s.Parent.Name
		}
		got = append(got, s.Name+" on "+parent)
	}
	if want := []string{"one on -", "two on one", " on -", " on two"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestCommands lists the commands of a stage with the folder that they run in
// and a variable as they see it.
func TestCommands(t *testing.T) {
	for script, want := range map[string][]string{
		"a b c":                            {"a|b|c @ X="},
		"X=1 a; a":                         {"a @ X=1", "a @ X="},
		"export X=1 && a":                  {"a @ X=1"},
		"X=1; a":                           {"a @ X=1"},
		"(export X=1; cd /d; a); a":        {"cd|/d @ X=1", "a @/d X=1", "a @ X="},
		"cd d && cd e && a":                {"cd|d @ X=", "cd|e @d X=", "a @d/e X="},
		"cd $Y && a":                       {"cd|? @ X=", "a @? X="},
		"env X=2 a b":                      {"a|b @ X=2"},
		"if a; then b; else c; fi":         {"a @ X=", "b @ X=", "c @ X="},
		"a \"$(b c)\" 'd e' f\\ g":         {"b|c @ X=", "a|?|d e|f g @ X="},
		"exec time a":                      {"a @ X="},
		"X=1 Z=$X; a $Z ${Z:-3} ${N:-4}":   {"a|1|1|4 @ X=1"},
		"a $E $A ${E}x":                    {"a|env|env|envx @ X="},
		"unset E; a $E":                    {"unset|E @ X=", "a| @ X="},
		"a <<EOF\nnot a command\nEOF":      {"a @ X="},
		"<<EOF\na\nb \\\n c\nEOF":          {"a @ X=", "b|c @ X="},
		"<<EOF\n#!/bin/bash -e\na\nEOF":    {"a @ X="},
		"<<EOF\n#!/usr/bin/python\na\nEOF": nil,
		"a ( b":                            nil,
		"[\"a b\", \"$X\"]":                {"a b|$X @ X="},
	} {
		source := "FROM x\nENV E=env\nARG A=arg\nARG E=arg\nENV A=env\nRUN " + script + "\n"
		f := dockerfile.Parse([]byte(source))
		stage := f.Stages()[0]
		scope := stage.Scope(nil)
		var got []string
		for _, i := range stage.Instructions {
			scope.Apply(i)
			for _, c := range f.Commands(i, scope) {
				got = append(got, describeCommand(t, f, c))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", script, got, want)
		}
	}
}

func describeCommand(t *testing.T, f *dockerfile.File, c dockerfile.Command) string {
	t.Helper()
	show := func(v dockerfile.Value) string {
		if !v.Known {
			return "?"
		}
		return v.Text
	}
	var words []string
	for _, a := range c.Args {
		words = append(words, show(a.Value))
		if text := f.Source[a.Start:a.End]; a.Known && !strings.ContainsAny(text, `$'"\`) && text != a.Text {
			t.Errorf("%q is not at its place but %q", a.Text, text)
		}
	}
	x, _ := c.Lookup("X")
	return strings.Join(words, "|") + " @" + show(c.Dir) + " X=" + x.Text
}
