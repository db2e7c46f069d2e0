package services

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/davit-dev/davit/internal/check/compose"
	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleWritable() rule.Rule {
	return rule.Rule{
		Code:     "GO401",
		Severity: finding.Warning,
		Title:    "Mount folders that the service's user can write to",
		Why: "A bind mount brings the owner of the host's folder along, and Docker makes a folder that is not there for root. " +
			"A program that runs as another user gets `permission denied` on its first write.",
		Compose: each(checkWritable),
	}
}

// account is who a service runs as.
type account struct {
	uid, gid int // gid is below zero when it is not known
	from     string
}

func checkWritable(p *rule.Pass, c *project.Compose, s *compose.Service) {
	who, known := runsAs(p, c, s)
	if !known || who.uid == 0 {
		return
	}
	for _, m := range s.Mounts {
		if !m.Known || m.Type != "bind" || m.ReadOnly || !strings.HasPrefix(m.Source, ".") {
			continue
		}
		folder := filepath.Join(c.Dir(), filepath.FromSlash(m.Source))
		why := unwritable(folder, who, m.Long)
		if why == "" || !project.Within(p.Project.Root, folder) {
			continue
		}
		p.Report(c.File, rule.Report{At: dockerfile.Span(m.SourceAt), Message: fmt.Sprintf(
			"%s %s, and uid %d (%s) cannot write there; give it to that user, use a named volume, or mount it read-only", m.Source, why, who.uid, who.from)})
	}
}

// runsAs finds the user of a service: its own, that of the image it builds, or
// that of a distroless image. Names are known to the image only.
func runsAs(p *rule.Pass, c *project.Compose, s *compose.Service) (account, bool) {
	if user := s.Value("user"); user != nil {
		text, known := user.Constant()
		if !known {
			return account{}, false
		}
		return parseUser(text, "user")
	}
	if s.Build == nil {
		ref, known := image(s)
		return account{65532, 65532, ref.name + ":" + ref.tag}, known && strings.HasPrefix(ref.name, "gcr.io/distroless/") && nonroot(ref.tag)
	}
	stage := p.Project.ServiceBuild(c, s.Build).Stage
	switch {
	case stage == nil:
		return account{}, false
	case stage.User != nil && len(stage.User.Args) > 0:
		v := stage.Expand(stage.User.Args[0].Text)
		if v.Known && strings.HasPrefix(v.Text, "nonroot") && strings.HasPrefix(stage.Base.Name, "gcr.io/distroless/") {
			return account{65532, 65532, "USER " + v.Text}, true
		}
		who, known := parseUser(v.Text, "USER of the image")
		return who, known && v.Known
	}
	tag := stage.Base.Tag.String()
	return account{65532, 65532, stage.Base.Text.String()}, stage.Base.Known && strings.HasPrefix(stage.Base.Name, "gcr.io/distroless/") && nonroot(tag)
}

func nonroot(tag string) bool { return tag == "nonroot" || strings.HasSuffix(tag, "-nonroot") }

func parseUser(text, from string) (account, bool) {
	user, group, grouped := strings.Cut(text, ":")
	uid, err := strconv.Atoi(user)
	if err != nil || uid < 0 {
		return account{}, false
	}
	gid, err := strconv.Atoi(group)
	if !grouped || err != nil {
		gid = -1
	}
	return account{uid, gid, from}, true
}

// unwritable says why a folder of the host cannot be written to; empty when it
// can, or when that is not sure. The long form of a mount may refuse to make a
// folder, so what it mounts is there on the machine that counts.
func unwritable(folder string, who account, long bool) string {
	info, err := os.Stat(folder)
	if os.IsNotExist(err) && !long {
		return "is not there, so Docker makes it for root"
	}
	if err != nil || !info.IsDir() {
		return ""
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	mode := info.Mode().Perm()
	if !ok || int(stat.Uid) == who.uid || mode&0o002 != 0 || mode&0o020 != 0 && (who.gid < 0 || int(stat.Gid) == who.gid) {
		return ""
	}
	return fmt.Sprintf("belongs to uid %d here (mode %04o)", stat.Uid, mode)
}
