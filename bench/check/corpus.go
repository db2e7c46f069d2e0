package main

import (
	_ "embed" // the forms are a file that people read
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

//go:embed corpus.txtar
var forms string

// choices are what the names in the forms stand for.
func choices() map[string][]string {
	return map[string][]string{
		"go":      {"1.21", "1.22.4", "1.23", "1.24", "1.25", "1.26", "latest"},
		"alpine":  {"3.18", "3.20", "3.22", "latest", "edge"},
		"debian":  {"bullseye", "bookworm", "trixie"},
		"node":    {"16", "18.20", "20", "22", "lts"},
		"python":  {"3.9", "3.11", "3.12.4", "3.13", "latest"},
		"app":     {"orders", "gateway", "billing-api", "worker", "notifier", "auth", "search", "inventory"},
		"port":    {"80", "3000", "8000", "8080", "8443", "9090"},
		"version": {"1.2.3", "2.0", "15", "1.27.1", "0.9"},
		"apk":     {"make", "gcc musl-dev", "openssl=3.1.4-r5", "git bash", "build-base upx"},
		"apt":     {"curl", "git=1:2.39.2-1.1", "libssl-dev pkg-config", "unzip zip", "gnupg2 lsb-release"},
		"yum":     {"gcc", "git-2.43.0", "openssl-devel make", "python3 python3-pip"},
		"pip":     {"flask==3.0.0", "requests", "numpy pandas", "--no-cache-dir uvicorn"},
	}
}

// writeCorpus writes n Dockerfiles that vary the forms, the same ones each time,
// in folders of their own.
func writeCorpus(dir string, n int) ([]string, error) {
	archive := txtar.Parse([]byte(forms))
	random := rand.New(rand.NewPCG(1, 2))
	files := make([]string, n)
	for i := range files {
		form := archive.Files[i%len(archive.Files)]
		files[i] = filepath.Join(dir, fmt.Sprintf("%04d-%s", i, form.Name), "Dockerfile")
		if err := os.Mkdir(filepath.Dir(files[i]), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(files[i], []byte(vary(string(form.Data), random)), 0o644); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func vary(form string, random *rand.Rand) string {
	var out strings.Builder
	for line := range strings.Lines(form) {
		text, maybe := strings.CutPrefix(line, "? ")
		if !maybe || random.IntN(2) == 0 {
			out.WriteString(text)
		}
	}
	var pairs []string
	all := choices()
	for _, name := range []string{"go", "alpine", "debian", "node", "python", "app", "port", "version", "apk", "apt", "yum", "pip"} {
		pairs = append(pairs, "{"+name+"}", all[name][random.IntN(len(all[name]))])
	}
	return strings.NewReplacer(pairs...).Replace(out.String())
}
