package cli

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/davit-dev/davit/internal/app"
	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/build/ko"
	"github.com/davit-dev/davit/internal/workshop"
)

func buildCommand() command {
	return command{
		name: "build", args: "[PACKAGE…]", short: "Build images of main packages, or of a Dockerfile; prints name@sha256:…", max: -1,
		flags: func(f *pflag.FlagSet, o *options) {
			buildFlags(f, &o.build)
			recipeFlags(f, &o.build)
			jsonFlag(f, o)
		},
		run: runBuild,
		foot: "PACKAGE is a folder, an import path or a pattern such as ./...; several get an image each.\n" +
			"Without one it is what build.main says, or the module's only main package.",
	}
}

// buildOptions are the flags of davit build.
type buildOptions struct {
	workshop.Order
	timings, plan bool
	explain       []string
}

func buildFlags(f *pflag.FlagSet, o *buildOptions) {
	f.StringVar(&o.Repo, "repo", firstSet("DAVIT_REPO", "KO_DOCKER_REPO"), "repository to push to, such as ghcr.io/team/orders\n(default $DAVIT_REPO, $KO_DOCKER_REPO)")
	f.BoolVar(&o.Push, "push", true, "push when there is a repository")
	f.StringSliceVarP(&o.Tags, "tag", "t", nil, "tags; 'auto' is made from git, and {{.Version}} and {{.Go}} are filled in")
	f.StringSliceVar(&o.Platforms, "platform", nil, "such as linux/amd64,linux/arm64")
	f.StringVar(&o.Layout, "oci-layout", "", "write an OCI image layout into this folder")
	f.StringVar(&o.Tarball, "tarball", "", "write an archive that docker, podman and skopeo load; - is standard output")
	f.StringVar(&o.Load, "load", "", "load into docker, podman or containerd on this machine")
	f.StringVar(&o.ImageRefs, "image-refs", "", "write the references of all images into this file")
	f.StringToStringVar(&o.Labels, "label", nil, "more labels, as name=value")
	f.StringToStringVar(&o.Annotations, "annotation", nil, "more annotations, as name=value")
	f.StringSliceVar(&o.SBOM, "sbom", []string{"spdx"}, "what to attach to a pushed image: spdx, cyclonedx, none")
	f.BoolVar(&o.Provenance, "provenance", true, "attach how the image was built to a pushed one")
	f.StringVar(&o.Key, "sign-key", os.Getenv("DAVIT_SIGN_KEY"), "sign with this private key, of davit or cosign; its password is $COSIGN_PASSWORD (default $DAVIT_SIGN_KEY)")
	f.BoolVar(&o.DebugInfo, "debug-info", false, "strip the programs, and attach them with their debug information")
	f.StringVar(&o.SBOMDir, "sbom-dir", "", "write the bills of materials into this folder, too")
	f.StringVar(&o.User, "image-user", "", "user of the image, instead of build.user")
	f.StringArrayVar(&o.Ldflags, "ldflags", nil, "more -ldflags for go build")
	f.BoolVar(&o.TagOnly, "tag-only", false, "references by tag, without a digest")
	f.VarPF(switchFlag(func() { o.Flags = append(o.Flags, "-gcflags=all=-N -l") }), "disable-optimizations", "", "build for a debugger").NoOptDefVal = "true"
	f.VarPF(switchFlag(func() { o.Load, o.Push = "docker", false }), "local", "L", "load into docker instead of pushing").NoOptDefVal = "true"
	f.SetNormalizeFunc(likeKo)
	f.VarPF(formFlag{&o.Form, ko.Bare}, "bare", "", "call the image as the repository (as ko does)").NoOptDefVal = "true"
	f.VarPF(formFlag{&o.Form, ko.Base}, "base-import-paths", "B", "call images REPO/NAME").NoOptDefVal = "true"
	f.VarPF(formFlag{&o.Form, ko.Preserved}, "preserve-import-paths", "P", "call images REPO/IMPORTPATH").NoOptDefVal = "true"
}

// recipeFlags are those that only davit build has.
func recipeFlags(f *pflag.FlagSet, o *buildOptions) {
	f.StringVarP(&o.Dockerfile, "file", "f", "", "build this Dockerfile; PACKAGE is its build context")
	f.StringVar(&o.Stage, "target", "", "stage of the Dockerfile to build")
	f.StringToStringVar(&o.Args, "build-arg", nil, "arguments of the Dockerfile, as name=value")
	f.BoolVar(&o.plan, "plan", false, "say how the Dockerfile would be built, and stop: exit 0 when natively, 1 when not")
	f.BoolVar(&o.timings, "timings", false, "say where the time went")
	f.StringSliceVar(&o.explain, "explain", nil, "say why two images differ: --explain A B")
}

// formFlag is a switch for one of ko's ways to name images.
type formFlag struct {
	to   **ko.Form
	form ko.Form
}

// String implements pflag.Value.
func (f formFlag) String() string { return "" }

// Type implements pflag.Value.
func (f formFlag) Type() string { return "bool" }

// Set implements pflag.Value.
func (f formFlag) Set(text string) error {
	on, err := strconv.ParseBool(text)
	if err == nil && on {
		*f.to = &f.form
	}
	return err
}

// switchFlag is a switch that does something when it is on.
type switchFlag func()

// String implements pflag.Value.
func (f switchFlag) String() string { return "" }

// Type implements pflag.Value.
func (f switchFlag) Type() string { return "bool" }

// Set implements pflag.Value.
func (f switchFlag) Set(text string) error {
	on, err := strconv.ParseBool(text)
	if err == nil && on {
		f()
	}
	return err
}

// likeKo lets flags be called as ko calls them.
func likeKo(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	switch name {
	case "tags":
		name = "tag"
	case "oci-layout-path":
		name = "oci-layout"
	case "image-label":
		name = "label"
	case "image-annotation":
		name = "annotation"
	}
	return pflag.NormalizedName(name)
}

func firstSet(names ...string) string {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return ""
}

func runBuild(ctx context.Context, c *call) error {
	switch {
	case c.build.plan:
		return runPlan(c)
	case len(c.build.explain) > 0:
		return runExplain(ctx, c)
	}
	show, spent := newSteps(c.Stdio), &timings{}
	cfg := c.build.Order
	cfg.Targets, cfg.Davit, cfg.Password = c.args, app.Version(), c.password
	cfg.Progress = func(e build.Event) { show.event(e); spent.event(e) }
	all, err := workshop.Build(ctx, cfg)
	show.end()
	if err != nil {
		return err
	}
	if c.build.timings {
		spent.print(c.Err)
	}
	for _, built := range all {
		if c.json {
			err = printJSON(c.Out, built)
		} else if cfg.Tarball != "-" {
			_, err = fmt.Fprintf(c.Out, "%s@%s\n", built.Name, built.Digest)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
