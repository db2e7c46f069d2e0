package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/davit-dev/davit/internal/check/project"
)

// cores is how many each program gets.
const cores = 2

// contender is a program that looks at files.
type contender struct {
	name string
	what string // that it looks at
	run  func(ctx context.Context) error
	took []time.Duration
}

// speed prepares the corpus and the programs, and measures them in turn.
func speed(ctx context.Context, w io.Writer, o options) (err error) {
	dir, err := os.MkdirTemp("", "davit-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	corpus := filepath.Join(dir, "corpus")
	if err := os.Mkdir(corpus, 0o755); err != nil {
		return err
	}
	files, err := writeCorpus(corpus, o.files)
	if err != nil {
		return err
	}
	davit, lint := filepath.Join(dir, "davit"), filepath.Join(dir, "node_modules", ".bin", "dockerfilelint")
	if err := install(ctx, dir, davit); err != nil {
		return err
	}
	shell, err := shellcheck(ctx, dir, corpus)
	if err != nil {
		return err
	}
	together := []contender{allAtOnce(davit, corpus), lintAll(lint, files), shell}
	if err := measure(ctx, together, o.rounds); err != nil {
		return err
	}
	fmt.Fprintf(w, "%d files at once, %d cores, median of %d rounds\n", len(files), cores, o.rounds)
	printSpeed(w, together, len(files))
	few := files[:min(len(files), 100)]
	apart := []contender{oneByOne("davit", few, 1, davit, "check", "--all", "--format", "json"), oneByOne("dockerfilelint", few, mostIssues, lint, "--output", "json")}
	if err := measure(ctx, apart, o.rounds); err != nil {
		return err
	}
	fmt.Fprintf(w, "a process for each of %d files, as editors and hooks start them\n", len(few))
	printSpeed(w, apart, len(few))
	return nil
}

// measure runs the contenders in turn.
func measure(ctx context.Context, all []contender, rounds int) error {
	for round := range rounds + 1 {
		for i := range all {
			begin := time.Now()
			if err := all[i].run(ctx); err != nil {
				return fmt.Errorf("%s: %w", all[i].name, err)
			}
			if round > 0 { // the first one fills the caches
				all[i].took = append(all[i].took, time.Since(begin))
			}
		}
	}
	return nil
}

func printSpeed(w io.Writer, all []contender, files int) {
	own := all[0].took
	for i, c := range all {
		ratios := make([]float64, len(own))
		for i := range own {
			ratios[i] = c.took[i].Seconds() / own[i].Seconds()
		}
		took := median(c.took)
		fmt.Fprintf(w, "  %-16s %-26s %8.2fs %8.0f files/s", c.name, c.what, took.Seconds(), float64(files)/took.Seconds())
		if i > 0 {
			fmt.Fprintf(w, "   davit is %.2f times as fast", median(ratios))
		}
		fmt.Fprintln(w)
	}
}

func median[T int64 | float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// install builds davit and fetches dockerfilelint as package-lock.json pins it.
func install(ctx context.Context, dir, davit string) error {
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", davit, "./cmd/davit")
	if err := finish(build, 0); err != nil {
		return fmt.Errorf("build davit: %w", err)
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		data, err := os.ReadFile(filepath.Join("bench", "check", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o644)
		}
		if err != nil {
			return err
		}
	}
	npm := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	npm.Dir = dir
	if err := finish(npm, 0); err != nil {
		return fmt.Errorf("npm ci: %w", err)
	}
	return nil
}

func allAtOnce(davit, corpus string) contender {
	return contender{name: "davit", what: "Dockerfiles, all rules", run: func(ctx context.Context) error {
		cmd := exec.CommandContext(ctx, davit, "check", "--all", "--format", "json", corpus)
		cmd.Dir, cmd.Env = corpus, append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", cores), "DAVIT_SHELLCHECK=off")
		return finish(cmd, 1)
	}}
}

// mostIssues is the largest exit code: dockerfilelint's is the number of issues,
// as much of it as fits.
const mostIssues = 255

func lintAll(program string, files []string) contender {
	return contender{name: "dockerfilelint", what: "Dockerfiles", run: func(ctx context.Context) error {
		return split(files, func(part []string) error {
			return finish(exec.CommandContext(ctx, program, append([]string{"--output", "json"}, part...)...), mostIssues)
		})
	}}
}

// oneByOne starts a program for each file. most is its largest exit code for
// findings.
func oneByOne(name string, files []string, most int, command ...string) contender {
	return contender{name: name, what: "Dockerfiles", run: func(ctx context.Context) error {
		return split(files, func(part []string) error {
			for _, file := range part {
				cmd := exec.CommandContext(ctx, command[0], append(command[1:len(command):len(command)], file)...)
				cmd.Dir, cmd.Env = filepath.Dir(file), append(os.Environ(), "DAVIT_SHELLCHECK=off")
				if err := finish(cmd, most); err != nil {
					return err
				}
			}
			return nil
		})
	}}
}

// finish runs a program that has to end with an exit code of at most most.
func finish(cmd *exec.Cmd, most int) error {
	var stderr strings.Builder
	cmd.Stderr = &stderr
	err := cmd.Run()
	if s := cmd.ProcessState; s != nil && s.Exited() && s.ExitCode() <= most {
		return nil
	}
	return fmt.Errorf("%w: %s", err, stderr.String())
}

// shellcheck looks at the scripts of the RUN instructions, a file for each.
func shellcheck(ctx context.Context, dir, corpus string) (contender, error) {
	program, err := exec.LookPath("shellcheck")
	if err != nil {
		return contender{}, fmt.Errorf("%w: apt-get install shellcheck", err)
	}
	scripts, err := writeScripts(ctx, filepath.Join(dir, "scripts"), corpus)
	if err != nil {
		return contender{}, err
	}
	return contender{name: "shellcheck", what: fmt.Sprintf("their %d RUN scripts", len(scripts)), run: func(ctx context.Context) error {
		return split(scripts, func(part []string) error {
			return finish(exec.CommandContext(ctx, program, append([]string{"--format", "json", "--shell", "sh"}, part...)...), 1)
		})
	}}, nil
}

// split gives each core a part of the files.
func split(files []string, run func([]string) error) error {
	var group errgroup.Group
	for part := range slices.Chunk(files, (len(files)+cores-1)/cores) {
		group.Go(func() error { return run(part) })
	}
	return group.Wait()
}

func writeScripts(ctx context.Context, dir, corpus string) ([]string, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	p, err := project.Load(ctx, corpus, nil)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, d := range p.Dockerfiles {
		for _, s := range d.All() {
			for _, r := range s.Runs {
				script, isShell := d.AST.Script(r.Instruction)
				if r.Instruction.Name != "RUN" || !isShell {
					continue
				}
				name := filepath.Join(dir, fmt.Sprintf("%05d.sh", len(names)))
				if err := os.WriteFile(name, []byte(script.Text.String()+"\n"), 0o644); err != nil {
					return nil, err
				}
				names = append(names, name)
			}
		}
	}
	return names, nil
}
