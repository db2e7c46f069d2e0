package recipe

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/build/layer"
	"github.com/davit-dev/davit/internal/build/recipe/script"
	"github.com/davit-dev/davit/internal/build/recipe/tree"
)

// zones is where the time zones lie.
const zones = "usr/share/zoneinfo"

// inGolangImage tells whether the official Go image may have a name, beside what
// is known of it: nothing lies outside the folders of every Linux.
func inGolangImage(name string) bool {
	first, rest, deeper := strings.Cut(name, "/")
	if first == "go" || first == "home" || first == "tmp" || first == "opt" || first == "srv" || first == "mnt" || first == "media" {
		return false // they are empty there
	}
	folders := []string{"bin", "boot", "dev", "etc", "lib", "lib64", "proc", "root", "run", "sbin", "sys", "usr", "var"}
	if name == zones || strings.HasPrefix(name, zones+"/") {
		return false // seeds have them all
	}
	if first == "root" && deeper && !strings.HasPrefix(rest, ".") {
		return false
	}
	return slices.Contains(folders, first)
}

// golangSeeds are the files of a Go image that Dockerfiles ask for. With them the
// image need not be fetched.
func (r *run) golangSeeds(ctx context.Context, b base) map[string]layer.Entry {
	passwd, group := debianPasswd, debianGroup
	if b.system == script.Alpine {
		passwd, group = alpinePasswd, alpineGroup
	}
	entries := []layer.Entry{
		layer.File("etc/passwd", []byte(passwd)), layer.File("etc/group", []byte(group)),
		layer.File("etc/shadow", []byte("root:*::0:::::\n")),
		layer.File("etc/ssl/certs/ca-certificates.crt", r.machine.Roots()),
		layer.Folder("root", 0o700, 0), layer.Folder("tmp", 0o1777, 0),
		r.zoneArchive(ctx),
	}
	for _, dir := range []string{
		"bin", "sbin", "lib", "home", "opt", "srv", "mnt", "media", "run", "var/cache", "var/lib", "var/log", "var/tmp",
		"usr/bin", "usr/sbin", "usr/lib", "usr/local/bin", "usr/local/lib", "usr/local/share/ca-certificates", "usr/src", "go/bin", "go/src",
	} {
		entries = append(entries, layer.Folder(dir, 0o755, 0))
	}
	if all, err := r.machine.Zones(); err == nil {
		entries = append(entries, all...)
	}
	return tree.Seed(entries...)
}

// zoneArchive is the time zones in the form that Go brings along.
func (r *run) zoneArchive(ctx context.Context) layer.Entry {
	return layer.Entry{
		Name: "usr/local/go/lib/time/zoneinfo.zip", Mode: 0o644, Size: 1,
		Open: func() (io.ReadCloser, error) {
			root, err := r.machine.Go(ctx, script.GoCommand{Dir: r.world.Scratch, Args: []string{"env", "GOROOT"}, Env: []string{"GOTOOLCHAIN=local"}})
			if err != nil {
				return nil, err
			}
			return os.Open(filepath.Join(strings.TrimSpace(root), "lib", "time", "zoneinfo.zip"))
		},
	}
}

// The accounts of the images golang:*-alpine and golang:*, as far as their
// numbers can be in the way of new ones.
const (
	alpinePasswd = "root:x:0:0:root:/root:/bin/sh\n" +
		"bin:x:1:1:bin:/bin:/sbin/nologin\n" +
		"daemon:x:2:2:daemon:/sbin:/sbin/nologin\n" +
		"lp:x:4:7:lp:/var/spool/lpd:/sbin/nologin\n" +
		"sync:x:5:0:sync:/sbin:/bin/sync\n" +
		"shutdown:x:6:0:shutdown:/sbin:/sbin/shutdown\n" +
		"halt:x:7:0:halt:/sbin:/sbin/halt\n" +
		"mail:x:8:12:mail:/var/mail:/sbin/nologin\n" +
		"news:x:9:13:news:/usr/lib/news:/sbin/nologin\n" +
		"uucp:x:10:14:uucp:/var/spool/uucppublic:/sbin/nologin\n" +
		"cron:x:16:16:cron:/var/spool/cron:/sbin/nologin\n" +
		"ftp:x:21:21::/var/lib/ftp:/sbin/nologin\n" +
		"sshd:x:22:22:sshd:/dev/null:/sbin/nologin\n" +
		"games:x:35:35:games:/usr/games:/sbin/nologin\n" +
		"ntp:x:123:123:NTP:/var/empty:/sbin/nologin\n" +
		"guest:x:405:100:guest:/dev/null:/sbin/nologin\n" +
		"nobody:x:65534:65534:nobody:/:/sbin/nologin\n"
	alpineGroup = "root:x:0:root\nbin:x:1:root,bin,daemon\ndaemon:x:2:root,bin,daemon\nsys:x:3:root,bin\n" +
		"adm:x:4:root,daemon\ntty:x:5:\ndisk:x:6:root\nlp:x:7:lp\nkmem:x:9:\nwheel:x:10:root\nfloppy:x:11:root\n" +
		"mail:x:12:mail\nnews:x:13:news\nuucp:x:14:uucp\ncron:x:16:cron\naudio:x:18:\ncdrom:x:19:\ndialout:x:20:root\n" +
		"ftp:x:21:\nsshd:x:22:\ninput:x:23:\ntape:x:26:root\nvideo:x:27:root\nnetdev:x:28:\nkvm:x:34:kvm\ngames:x:35:\n" +
		"shadow:x:42:\nwww-data:x:82:\nusers:x:100:games\nntp:x:123:\nabuild:x:300:\nutmp:x:406:\nping:x:999:\n" +
		"nogroup:x:65533:\nnobody:x:65534:\n"
	debianPasswd = "root:x:0:0:root:/root:/bin/bash\n" +
		"daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n" +
		"bin:x:2:2:bin:/bin:/usr/sbin/nologin\n" +
		"sys:x:3:3:sys:/dev:/usr/sbin/nologin\n" +
		"sync:x:4:65534:sync:/bin:/bin/sync\n" +
		"games:x:5:60:games:/usr/games:/usr/sbin/nologin\n" +
		"man:x:6:12:man:/var/cache/man:/usr/sbin/nologin\n" +
		"lp:x:7:7:lp:/var/spool/lpd:/usr/sbin/nologin\n" +
		"mail:x:8:8:mail:/var/mail:/usr/sbin/nologin\n" +
		"news:x:9:9:news:/var/spool/news:/usr/sbin/nologin\n" +
		"uucp:x:10:10:uucp:/var/spool/uucp:/usr/sbin/nologin\n" +
		"proxy:x:13:13:proxy:/bin:/usr/sbin/nologin\n" +
		"www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n" +
		"backup:x:34:34:backup:/var/backups:/usr/sbin/nologin\n" +
		"list:x:38:38:Mailing List Manager:/var/list:/usr/sbin/nologin\n" +
		"irc:x:39:39:ircd:/run/ircd:/usr/sbin/nologin\n" +
		"_apt:x:42:65534::/nonexistent:/usr/sbin/nologin\n" +
		"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
	debianGroup = "root:x:0:\ndaemon:x:1:\nbin:x:2:\nsys:x:3:\nadm:x:4:\ntty:x:5:\ndisk:x:6:\nlp:x:7:\nmail:x:8:\n" +
		"news:x:9:\nuucp:x:10:\nman:x:12:\nproxy:x:13:\nkmem:x:15:\ndialout:x:20:\nfax:x:21:\nvoice:x:22:\ncdrom:x:24:\n" +
		"floppy:x:25:\ntape:x:26:\nsudo:x:27:\naudio:x:29:\ndip:x:30:\nwww-data:x:33:\nbackup:x:34:\noperator:x:37:\n" +
		"list:x:38:\nirc:x:39:\nsrc:x:40:\nshadow:x:42:\nutmp:x:43:\nvideo:x:44:\nsasl:x:45:\nplugdev:x:46:\n" +
		"staff:x:50:\ngames:x:60:\nusers:x:100:\nnogroup:x:65534:\n"
)
