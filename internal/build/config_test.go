package build_test

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/davit-dev/davit/internal/build"
)

func TestDefaultConfigIsValid(t *testing.T) {
	if err := build.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}

func TestConfigReadsAsItIsWritten(t *testing.T) {
	cfg := build.DefaultConfig()
	text := `
main: cmd/orders
base: scratch
flags: ["-gcflags=all=-N -l", -mod=vendor, -pgo=off, -p=2]
tags: [netgo, go1.26]
ldflags: [-s, -w, "-X main.version=v1", "-X 'main.name=the orders'"]
env: {GOAMD64: v3, GOTOOLCHAIN: go1.26.8, GOEXPERIMENT: jsonv2}
platforms: [linux/amd64, linux/arm/v7, linux/arm64]
files: {ui/dist: /ui, LICENSE: /LICENSE}
stopsignal: SIGINT
capabilities: [net_bind_service, CAP_NET_RAW]
compression: zstd
allow: [low-port]
path: /usr/bin/orders
args: [--port=8080]
imageenv: {LOG: debug}
user: 1000:1000
workdir: /data
expose: [8080, 53/udp]
labels: {team: orders}
`
	if err := yaml.Unmarshal([]byte(text), &cfg); err != nil {
		t.Fatal(err)
	}
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
	if cfg.Expose[0] != "8080" || cfg.ImageEnv["LOG"] != "debug" || cfg.User != "1000:1000" || cfg.Main[0] != "cmd/orders" {
		t.Errorf("%+v", cfg)
	}
}

func TestValidateRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"base: Alpine":                         `base: "Alpine" is neither static, scratch nor the reference of an image`,
		"base: ''":                             `base: "" is neither`,
		"cgo: true":                            "cgo: static has no C library",
		"platforms: [windows/amd64]":           `platforms[0]: "windows/amd64" is not a platform (allowed: linux/ARCH`,
		"platforms: [linux/amd64, linux/vax]":  `platforms[1]: "linux/vax" is not a platform`,
		"platforms: [linux/arm/v9]":            "has an unknown variant",
		"platforms: [linux/arm, linux/arm/v7]": "is there twice",
		"files: {../x: /x}":                    "files.../x:",
		"files: {x: x}":                        `must begin with /`,
		"files: {x: /}":                        "is not a place for files",
		"stopsignal: TERM":                     `stopsignal: "TERM" is not a signal`,
		"capabilities: [sys_admin]":            `capabilities[0]: "sys_admin" is not a capability for a program`,
		"compression: lz4":                     `compression: "lz4" is not a compression (allowed: gzip, zstd)`,
		"allow: [everything]":                  `allow[0]: "everything" cannot be allowed`,
		"{main: [a, b], path: /x}":             "path: is for one program",
		"user: me":                             `user: "me" is not a user of the image (allowed: a number`,
		"user: '4294967296'":                   "above the highest ID",
		"user: '1:'":                           "user:",
		"path: app/x":                          `path: "app/x" must begin with /`,
		"path: /app/../x":                      `shortest form, "/x"`,
		"path: /":                              "the program needs a name",
		"workdir: ''":                          `workdir: "" must begin with /`,
		"expose: [0]":                          `expose[0]: "0" is not a port`,
		"expose: [1, 65536]":                   `expose[1]: "65536" is not a port`,
		"expose: [80/sctp]":                    "is not a port",
		"expose: ['080']":                      "is not a port",
		"imageenv: {'A=B': x}":                 "imageenv.A=B: is not a name",
		"imageenv: {A: \"x\\0\"}":              "imageenv.A: holds a zero byte",
		"args: [\"x\\0\"]":                     "args[0]: holds a zero byte",
		"labels: {'': x}":                      "labels: every one needs a name",
		"tags: ['a,b']":                        `tags[0]: "a,b" is not a build tag`,
		"env: {GOFLAGS: -race}":                "env.GOFLAGS: is not passed on; use build.flags",
		"env: {GOOS: windows}":                 "env.GOOS: is not passed on; use build.platforms",
		"env: {CGO_ENABLED: '1'}":              "env.CGO_ENABLED: is not passed on; use build.cgo",
		"env: {GOTOOLCHAIN: path}":             "env.GOTOOLCHAIN:",
		"env: {CC: ./evil}":                    "env.CC: is not passed on (allowed: GOAMD64",
		"env: {PATH: ./bin}":                   "env.PATH: is not passed on",
		"flags: [-toolexec=./evil]":            `flags[0]: "-toolexec=./evil" is not passed on (allowed: -gcflags`,
		"flags: [--toolexec=./evil]":           "is not passed on",
		"flags: [-o=/etc/x]":                   "is not passed on",
		"flags: [-gcflags, all=-N]":            "-gcflags=value",
		"flags: [./evil]":                      "does not begin with -",
		"flags: [-mod=mod]":                    "may change go.mod",
		"flags: [-ldflags=-s]":                 "use build.ldflags",
		"flags: [-tags=x]":                     "use build.tags",
		"flags: [-gcflags=-bench=/x]":          `"-bench=/x" is not passed on`,
		"flags: [\"-gcflags=all=-N '-o=/x'\"]": "is not passed on",
		"flags: [\"-gcflags=all -o=/x\"]":      "is not a package pattern",
		"ldflags: [-s, -extld=./evil]":         `ldflags: "-extld=./evil" is not passed on`,
		"ldflags: [\"'-extld' ./evil\"]":       "is not passed on",
		"ldflags: [--linkmode=external]":       "is not passed on",
		"ldflags: [\"all=-extld=./evil\"]":     "does not begin with -",
	} {
		cfg := build.DefaultConfig()
		if err := yaml.Unmarshal([]byte(text), &cfg); err != nil {
			t.Fatal(err)
		}
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
		if _, err := build.New(cfg, build.Options{Cache: t.TempDir()}); err == nil {
			t.Errorf("%s: New takes it", text)
		}
	}
}

func TestAllProblemsAreSaidAtOnce(t *testing.T) {
	cfg := build.Config{Base: "X", User: "x", Workdir: "x"}
	err := cfg.Validate()
	for _, key := range []string{"base:", "user:", "workdir:"} {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("%s is missing in %v", key, err)
		}
	}
}

func TestNewNeedsACache(t *testing.T) {
	if _, err := build.New(build.DefaultConfig(), build.Options{}); err == nil {
		t.Error("no cache folder is taken")
	}
}

// FuzzFlags: whatever the text, no flag that starts a program or writes a file
// gets through as a word of its own.
func FuzzFlags(f *testing.F) {
	f.Add("-X main.v=1", "-gcflags=all=-N -l")
	f.Add("'-extld=x'", "-toolexec=x")
	f.Add("-s\t\"-o\" x", "-gcflags=\"-o=x\"")
	f.Fuzz(func(t *testing.T, ldflags, flag string) {
		cfg := build.DefaultConfig()
		cfg.Ldflags, cfg.Flags = []string{ldflags}, []string{flag}
		if cfg.Validate() != nil {
			return
		}
		for _, text := range []string{ldflags, flag} {
			for word := range strings.FieldsSeq(text) {
				bare := strings.Trim(word, `'"`)
				for _, evil := range []string{"-extld", "-extldflags", "-o", "-toolexec", "-cpuprofile", "-linkmode"} {
					if name, _, _ := strings.Cut(bare, "="); name == evil || name == "-"+evil {
						t.Errorf("%q gets through", text)
					}
				}
			}
		}
	})
}
