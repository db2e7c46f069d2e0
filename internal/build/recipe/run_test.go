package recipe_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/build/recipe"
)

// built is a Dockerfile with what comes out.
type built struct {
	name, dockerfile string
	files            map[string]string // beside the usual ones
	opts             recipe.Options
	want             string // the listing of the layers
	config           string // parts of the configuration, as JSON
}

const builder = "FROM golang:1.22-alpine AS builder\nWORKDIR /app\nCOPY . .\nRUN go build -o main .\n"

func results() []built {
	return []built{
		{
			name: "article: scratch", dockerfile: "FROM golang:1.21 AS builder\nWORKDIR /app\nCOPY . .\n" +
				"RUN CGO_ENABLED=0 GOOS=linux go build -o main .\nFROM scratch\nCOPY --from=builder /app/main /main\nEXPOSE 8080\nENTRYPOINT [\"/main\"]\n",
			want:   "main 755 0:0 ELF\n",
			config: `{"Entrypoint":["/main"],"ExposedPorts":{"8080/tcp":{}},"WorkingDir":"/"}`,
		},
		{
			name: "article: alpine with certificates", dockerfile: "FROM golang:1.21-alpine AS builder\nWORKDIR /app\nCOPY go.mod go.sum ./\nRUN go mod download\n" +
				"COPY . .\nRUN go build -o main .\nFROM alpine:latest\nRUN apk --no-cache add ca-certificates\nCOPY --from=builder /app/main .\nCMD [\"./main\"]\n",
			want:   "etc/ssl/ 755 0:0\netc/ssl/certs/ 755 0:0\netc/ssl/certs/ca-certificates.crt 644 0:0 ROOTS\\n\n---\nmain 755 0:0 ELF\n",
			config: `{"Cmd":["./main"]}`,
		},
		{
			name: "article: one stage", dockerfile: "FROM golang:1.21-alpine\nWORKDIR /app\nCOPY main.go .\nRUN go build -o hello main.go\nCMD [\"./hello\"]\n",
			want: "app/ 755 0:0\n---\napp/main.go 644 0:0 " + escaped("main.go") +
				"\n---\napp/hello 755 0:0 ELF\n",
			config: `{"WorkingDir":"/app","Cmd":["./hello"],"Env":["PATH=/go/bin:/usr/local/go/bin:/usr/bin:/bin","GOPATH=/go","GOTOOLCHAIN=local"]}`,
		},
		{
			name:       "article: files for nginx",
			dockerfile: "FROM nginx:latest\nCOPY ./config /usr/share/nginx/html\n",
			want:       "usr/share/nginx/html/app.yaml 644 0:0 a: 1\\n\nusr/share/nginx/html/deep/ 755 0:0\nusr/share/nginx/html/deep/x.yaml 644 0:0 x: 1\\n\n",
			config:     `{"Cmd":["nginx"],"ExposedPorts":{"80/tcp":{}}}`,
		},
		{
			name: "distroless, nonroot, own user of files", dockerfile: builder +
				"FROM gcr.io/distroless/static:nonroot\nWORKDIR /srv\nCOPY --from=builder --chown=nonroot:nonroot --chmod=0550 /app/main /srv/\nUSER nonroot:nonroot\nENTRYPOINT [\"/srv/main\"]\n",
			want:   "srv/ 755 65532:65532\n---\nsrv/main 550 65532:65532 ELF\n",
			config: `{"User":"nonroot:nonroot","WorkingDir":"/srv"}`,
		},
		{
			name: "without -o, install, ./..., several", dockerfile: "FROM golang:1.22 AS b\nWORKDIR /src\nCOPY . .\nRUN go build && go build ./... && go install ./cmd/api\n" +
				"RUN go build -o bin/ ./cmd/... && cd cmd/worker && GOOS=linux go build\nFROM scratch\nCOPY --from=b /src/app /go/bin/api /src/bin/* /src/cmd/worker/worker /bin/\n",
			want: "bin/ 755 0:0\nbin/api 755 0:0 ELF\nbin/app 755 0:0 ELF\nbin/worker 755 0:0 ELF\n",
		},
		{
			name: "arguments", dockerfile: "ARG GO=1.21\nARG BASE=scratch\nFROM golang:${GO}-alpine AS b\nARG VERSION=none\nARG TARGETOS TARGETARCH\nENV V=$VERSION X=\"a b\"\n" +
				"WORKDIR /x\nCOPY . .\nRUN echo \"$VERSION $V $X $TARGETOS/$TARGETARCH $GO\" > /out && CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -ldflags=\"-s -w -X 'main.version=${VERSION}'\" -o /app .\n" +
				"FROM $BASE\nARG VERSION\nLABEL v=$VERSION\nCOPY --from=b /out /app /\n",
			opts: recipe.Options{Args: map[string]string{"VERSION": "1.2.3"}, Platform: "linux/arm64"},
			want: "app 755 0:0 ELF\nout 644 0:0 1.2.3 1.2.3 a b linux/arm64 \\n\n", config: `{"Labels":{"v":"1.2.3"}}`,
		},
		{
			name: "target, stage on stage, unused stages", dockerfile: "FROM golang:1.22 AS base\nWORKDIR /a\nCOPY go.mod main.go ./\nENV K=v\nFROM node:20 AS web\nRUN npm ci\n" +
				"FROM base AS build\nRUN go build -o /m . && echo $K > /k\nFROM alpine AS final\nCOPY --from=build /m /k /\nFROM final AS debug\nRUN apk add strace\n",
			opts: recipe.Options{Target: "final"}, want: "k 644 0:0 v\\n\nm 755 0:0 ELF\n",
		},
		{
			name: "result on a stage", dockerfile: "FROM alpine AS base\nRUN mkdir -p /data && chown 10:20 /data\nENV A=1\nUSER 1000\nFROM base\nCOPY config/app.yaml /data/\nENV B=$A\n",
			want:   "data/ 755 10:20\n---\ndata/app.yaml 644 0:0 a: 1\\n\n",
			config: `{"User":"1000","Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","A=1","B=1"]}`,
		},
		{
			name: "users of alpine", dockerfile: "FROM alpine\nRUN addgroup -S app && adduser -S -G app app \\\n && adduser -D -u 10001 -g '' -h /srv -s /bin/false web\nUSER app\nWORKDIR /home/app/x\n",
			want: "etc/group 644 0:0 root:x:0:root\\nnogroup:x:65533:\\nnobody:x:65534:\\napp:x:100:\\nweb:x:10001:\\n\n" +
				"etc/passwd 644 0:0 root:x:0:0:root:/root:/bin/sh\\nnobody:x:65534:65534:nobody:/:/sbin/nologin\\napp:x:100:100:Linux User,,,:/home/app:/sbin/nologin\\nweb:x:10001:10001::/srv:/bin/false\\n\n" +
				"etc/shadow 640 0:42 root:*::0:::::\\napp:!::0:99999:7:::\\nweb:!::0:99999:7:::\\n\n" +
				"home/app/ 2755 100:100\nsrv/ 2755 10001:10001\n---\nhome/app/x/ 755 100:100\n",
		},
		{
			name: "users from the build stage", dockerfile: "FROM golang:1.22-alpine AS b\nRUN adduser --disabled-password --gecos \"\" --home /nonexistent --shell /sbin/nologin --no-create-home --uid 10001 appuser\n" +
				"FROM scratch\nCOPY --from=b /etc/passwd /etc/passwd\nCOPY --from=b /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/\nCOPY --from=b /usr/share/zoneinfo /usr/share/zoneinfo\nUSER appuser\n",
			want: "etc/ 755 0:0\netc/passwd 644 0:0 " + alpineUsers + "appuser:x:10001:10001::/nonexistent:/sbin/nologin\\n\n---\n" +
				"etc/ssl/ 755 0:0\netc/ssl/certs/ 755 0:0\netc/ssl/certs/ca-certificates.crt 644 0:0 ROOTS\\n\n---\n" +
				"usr/ 755 0:0\nusr/share/ 755 0:0\nusr/share/zoneinfo/ 755 0:0\nusr/share/zoneinfo/Asia/ 755 0:0\nusr/share/zoneinfo/Asia/Shanghai 644 0:0 SHANGHAI\nusr/share/zoneinfo/UTC 644 0:0 UTC\n",
		},
		{
			name: "time zone as it is often set", dockerfile: "FROM alpine\nRUN sed -i 's/dl-cdn.alpinelinux.org/mirrors.aliyun.com/g' /etc/apk/repositories && apk update \\\n" +
				" && apk add --no-cache tzdata && cp /usr/share/zoneinfo/Asia/Shanghai /etc/localtime && echo \"Asia/Shanghai\" > /etc/timezone && apk del tzdata\n",
			want: "etc/apk/repositories 644 0:0 https://mirrors.aliyun.com/alpine/v3.22/main\\n\netc/localtime 644 0:0 SHANGHAI\netc/timezone 644 0:0 Asia/Shanghai\\n\n",
		},
		{
			name:       "own certificate",
			dockerfile: "FROM alpine\nRUN apk add ca-certificates\nCOPY ca.crt /usr/local/share/ca-certificates/\nRUN update-ca-certificates\n",
			files:      map[string]string{"ca.crt": "OWN\n"},
			want: "etc/ssl/ 755 0:0\netc/ssl/certs/ 755 0:0\n---\nusr/local/share/ 755 0:0\nusr/local/share/ca-certificates/ 755 0:0\nusr/local/share/ca-certificates/ca.crt 644 0:0 OWN\\n\n---\n" +
				"etc/ssl/certs/ca-certificates.crt 644 0:0 ROOTS\\nOWN\\n\n",
		},
		{
			name: "names through links of the base", dockerfile: "FROM alpine\nCOPY README.md /var/run/x/r\nRUN ln -s /etc/passwd /p && mkdir /run/y && touch /var/run/y/z\n",
			want: "run/x/ 755 0:0\nrun/x/r 644 0:0 # app\\n\n---\np 777 0:0 -> /etc/passwd\nrun/y/ 755 0:0\nrun/y/z 644 0:0 \n",
		},
		{
			name: "what is removed", dockerfile: "FROM alpine\nRUN rm -rf /etc/apk /tmp/none /home && mkdir /home && rm /bin/sh && touch /gone\nRUN rm /gone\n",
			want: "bin/.wh.sh 644 0:0 \netc/.wh.apk 644 0:0 \nhome/ 755 0:0\n",
		},
		{
			name: "modes and moves", dockerfile: "FROM alpine\nCOPY run.sh config /c/\nRUN chmod -R go-rwx,u+X /c && chmod a+x /c/deep/x.yaml && mv /c/deep /d && cp -r /c /e && chown -R nobody:nogroup /e/app.yaml && install -d -m 0700 -o nobody /f && chmod 1777 /etc/apk\n",
			files: map[string]string{"run.sh": "#!/bin/sh\n"},
			want: "c/ 700 0:0\nc/app.yaml 600 0:0 a: 1\\n\nc/run.sh 700 0:0 #!/bin/sh\\n\nd/ 700 0:0\nd/x.yaml 711 0:0 x: 1\\n\n" +
				"e/ 700 0:0\ne/app.yaml 600 65534:65533 a: 1\\n\ne/run.sh 700 0:0 #!/bin/sh\\n\netc/apk/ 1777 0:0\nf/ 700 65534:0\n",
		},
		{
			name: "shell", dockerfile: "FROM alpine\nSHELL [\"/bin/sh\", \"-euo\", \"pipefail\", \"-c\"]\nCOPY config /c\nRUN if [ -f /c/app.yaml ] && [ ! -d /c/none ]; then X=yes; else X=no; fi; echo $X > /a; \\\n" +
				" for f in /c/*.yaml /c/deep/*; do echo \"$(basename $f) ${f##*.}\" >> /b; done; case \"$X\" in n*) exit 1;; y*) printf '%s-%d\\n' z 7 > /p;; esac; test -e /none || echo none >> /a; (cd /c; pwd > /q); false || true\n",
			want: "c/ 755 0:0\nc/app.yaml 644 0:0 a: 1\\n\nc/deep/ 755 0:0\nc/deep/x.yaml 644 0:0 x: 1\\n\n---\n" +
				"a 644 0:0 yes\\nnone\\n\nb 644 0:0 app.yaml yaml\\nx.yaml yaml\\n\np 644 0:0 z-7\\n\nq 644 0:0 /c\\n\n",
		},
		{
			name: "heredocs", dockerfile: "FROM alpine\nARG N=x\nRUN <<EOF\nset -e\nmkdir /h\ncat <<A > /h/f\nline $N\nA\nEOF\nCOPY <<EOF /etc/app/${N}.conf\nn=$N\nEOF\nCOPY <<\"EOF\" <<B /y/\nn=$N\nEOF\nb\nB\n",
			want: "h/ 755 0:0\nh/f 644 0:0 line x\\n\n---\netc/app/ 755 0:0\netc/app/x.conf 644 0:0 n=x\\n\n---\ny/ 755 0:0\ny/B 644 0:0 b\\n\ny/EOF 644 0:0 n=$N\\n\n",
		},
		{
			name: "mounts", dockerfile: "FROM golang:1.22 AS b\nWORKDIR /src\nRUN --mount=type=cache,target=/go/pkg/mod --mount=type=bind,source=go.sum,target=go.sum --mount=type=bind,source=go.mod,target=go.mod go mod download -x\n" +
				"RUN --mount=type=cache,target=/root/.cache/go-build --mount=type=bind,target=. CGO_ENABLED=0 go build -o /bin/server ./cmd/api\nFROM scratch\nCOPY --from=b /src /src\nCOPY --from=b /bin/server /bin/\n",
			want: "src/ 755 0:0\n---\nbin/ 755 0:0\nbin/server 755 0:0 ELF\n",
		},
		{
			name: "image as a source", dockerfile: "FROM scratch\nCOPY --from=tools /etc /etc\nCOPY --from=tools /opt/a /opt/a\nCOPY --from=alpine:3.18 /bin/sh /bin/sh\n",
			want: "etc/ 755 0:0\netc/both 644 0:0 SECOND\n---\nopt/ 755 0:0\nopt/a/ 755 0:0\nopt/a/l 777 0:0 -> x\nopt/a/x 644 7:8 X\nopt/a/y 600 7:8 Y\n---\nbin/ 755 0:0\nbin/sh 755 0:0 BUSYBOX\n",
		},
		{
			name: "configuration", dockerfile: "FROM alpine\nMAINTAINER me\nENV A=1 B=\"two words\"\nENV old  style\nLABEL a=b c=\"d e\"\nEXPOSE 80 53/udp 90-91\nVOLUME /data [\"/x\"]\nSTOPSIGNAL SIGINT\n" +
				"HEALTHCHECK --interval=5s --retries=2 CMD wget -q localhost || exit 1\nCMD one\nENTRYPOINT exec app $A\n",
			config: `{"Cmd":["/bin/sh","-c","one"],"Entrypoint":["/bin/sh","-c","exec app $A"],"StopSignal":"SIGINT","Labels":{"a":"b","c":"d e"},` +
				`"ExposedPorts":{"53/udp":{},"80/tcp":{},"90/tcp":{},"91/tcp":{}},"Healthcheck":{"Test":["CMD-SHELL","wget -q localhost || exit 1"],"Interval":5000000000,"Retries":2}}`,
		},
		{
			name: "ignored files and patterns", dockerfile: "FROM scratch\nCOPY . /all/\nCOPY *.md go.su? nothing* /some/\n",
			files: map[string]string{".dockerignore": "*\n!config/deep\n!*.md\n!go.sum\n", "x.md": "x"},
			want: "all/ 755 0:0\nall/README.md 644 0:0 # app\\n\nall/config/ 755 0:0\nall/config/deep/ 755 0:0\nall/config/deep/x.yaml 644 0:0 x: 1\\n\nall/go.sum 644 0:0 \nall/x.md 644 0:0 x\n---\n" +
				"some/ 755 0:0\nsome/README.md 644 0:0 # app\\n\nsome/go.sum 644 0:0 \nsome/x.md 644 0:0 x\n",
		},
		{
			name: "tidy and vendor", dockerfile: "FROM golang:1.22 AS b\nWORKDIR /src\nCOPY . .\nRUN go env -w GOPROXY=https://goproxy.cn,direct && go mod tidy && go mod vendor && go vet ./... && go build -mod=vendor -o /m .\nFROM scratch\nCOPY --from=b /m /\n",
			want: "m 755 0:0 ELF\n",
		},
	}
}

// alpineUsers are those of the image golang:…-alpine.
const alpineUsers = `root:x:0:0:root:/root:/bin/sh\nbin:x:1:1:bin:/bin:/sbin/nologin\ndaemon:x:2:2:daemon:/sbin:/sbin/nologin\n` +
	`lp:x:4:7:lp:/var/spool/lpd:/sbin/nologin\nsync:x:5:0:sync:/sbin:/bin/sync\nshutdown:x:6:0:shutdown:/sbin:/sbin/shutdown\n` +
	`halt:x:7:0:halt:/sbin:/sbin/halt\nmail:x:8:12:mail:/var/mail:/sbin/nologin\nnews:x:9:13:news:/usr/lib/news:/sbin/nologin\n` +
	`uucp:x:10:14:uucp:/var/spool/uucppublic:/sbin/nologin\ncron:x:16:16:cron:/var/spool/cron:/sbin/nologin\nftp:x:21:21::/var/lib/ftp:/sbin/nologin\n` +
	`sshd:x:22:22:sshd:/dev/null:/sbin/nologin\ngames:x:35:35:games:/usr/games:/sbin/nologin\nntp:x:123:123:NTP:/var/empty:/sbin/nologin\n` +
	`guest:x:405:100:guest:/dev/null:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n`

func escaped(name string) string { return strings.ReplaceAll(sources()[name], "\n", `\n`) }

func TestRun(t *testing.T) {
	for _, test := range results() {
		t.Run(test.name, func(t *testing.T) {
			files := sources()
			maps.Copy(files, test.files)
			result, err := build(t, test.dockerfile, files, test.opts)
			if err != nil {
				t.Fatal(err)
			}
			if got := list(t, result.Layers); got != test.want && test.config == "" || test.want != "" && got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
			checkConfig(t, result, test.config)
		})
	}
}

// checkConfig compares the keys that are given.
func checkConfig(t *testing.T, result recipe.Result, want string) {
	t.Helper()
	if want == "" {
		return
	}
	text, err := json.Marshal(result.Config)
	var got, wanted map[string]json.RawMessage
	if err := errors.Join(err, json.Unmarshal(text, &got), json.Unmarshal([]byte(want), &wanted)); err != nil {
		t.Fatal(err)
	}
	for key, value := range wanted {
		if string(got[key]) != string(value) {
			t.Errorf("%s: got %s, want %s", key, got[key], value)
		}
	}
}

// The second run finds its programs and links nothing; the first one's files are
// not in its result.
func TestRunAgain(t *testing.T) {
	files := sources()
	dir, w := folder(t, files), world(t)
	run := func(dockerfile string) string {
		t.Helper()
		plan, err := recipe.Parse([]byte(dockerfile), recipe.Options{})
		if err != nil {
			t.Fatal(err)
		}
		result, err := plan.Run(t.Context(), dir, w)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(result.Go, "go1.") {
			t.Errorf("built with %q", result.Go)
		}
		return list(t, result.Layers)
	}
	dockerfile := "FROM golang:1.22 AS b\nWORKDIR /s\nCOPY . .\nRUN go build -o /out/ ./cmd/...\nFROM scratch\nCOPY --from=b /out /\nCOPY --from=b /s/*.md /\n"
	first := run(dockerfile)
	programs, _ := filepath.Glob(filepath.Join(w.Scratch, "programs", "*", "*", "api"))
	if len(programs) != 1 {
		t.Fatalf("programs: %v", programs)
	}
	before, err := os.Stat(programs[0])
	if err != nil {
		t.Fatal(err)
	}
	if second := run(dockerfile); second != first {
		t.Errorf("got\n%s\nand then\n%s", first, second)
	}
	if after, err := os.Stat(programs[0]); err != nil || !os.SameFile(before, after) {
		t.Errorf("the program was linked again: %v", err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "cmd", "worker")); err != nil {
		t.Fatal(err)
	}
	if third := run(dockerfile); third != strings.Replace(first, "worker 755 0:0 ELF\n", "", 1) {
		t.Errorf("got\n%s\nand without a program\n%s", first, third)
	}
}
