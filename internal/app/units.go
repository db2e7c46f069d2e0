package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Unit is a file for systemd.
type Unit struct{ Name, Text string }

// Units returns the units under which systemd runs davit as cfg says: the service,
// and the sockets that it keeps open while the service starts again.
func Units(cfg ServeConfig) ([]Unit, error) {
	data, err := filepath.Abs(cfg.Data)
	if err != nil {
		return nil, fmt.Errorf("find the data folder: %w", err)
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find davit itself: %w", err)
	}
	for _, file := range []*string{&cfg.AccessLog, &cfg.Remote.Cert, &cfg.Remote.Key, &cfg.Secure.ACME.RootFile} {
		if *file == "" {
			continue
		}
		if *file, err = filepath.Abs(*file); err != nil {
			return nil, fmt.Errorf("find %s: %w", *file, err)
		}
	}
	units := []Unit{{"davit.service", ""}}
	var names []string
	for _, s := range []struct{ name, what, address string }{
		{edgeSocket, "production traffic", cfg.Edge},
		{edgeTLSSocket, "production traffic in TLS", cfg.Secure.Listen},
		{stagingSocket, "staging traffic", cfg.Staging},
		{pageSocket, "page and registry", cfg.Listen},
	} {
		if s.address == "" {
			continue
		}
		units = append(units, Unit{s.name + ".socket", socketUnit(s.name, s.what, s.address)})
		names = append(names, s.name+".socket")
	}
	units[0].Text = serviceUnit(program, data, names, cfg)
	return units, nil
}

// serviceUnit ends control alone when the service is stopped: apps and edge are
// processes of their own, which the next control adopts. Delegate lets davit put
// instances into cgroups of theirs. With DelegateSubgroup davit's own processes have
// one beside those: in version 2 of cgroups the unit's holds either processes or
// controllers, and systemd could not start the service again in one that has them.
func serviceUnit(program, data string, sockets []string, cfg ServeConfig) string {
	command := []string{program, "serve", "--data", data}
	if cfg.AcceptUnsandboxed {
		command = append(command, "--accept-unsandboxed")
	}
	if cfg.Retain > 0 {
		command = append(command, "--retain", cfg.Retain.String())
	}
	command = append(command, cfg.Limits.args()...)
	command = append(command, cfg.Remote.args()...)
	command = append(command, cfg.Secure.args()...)
	reload := ""
	if cfg.AccessLog != "" {
		command = append(command, "--access-log", cfg.AccessLog)
		reload = "\nExecReload=/bin/kill -HUP $MAINPID"
	}
	for i, word := range command {
		command[i] = unitWord(word)
	}
	return fmt.Sprintf(`[Unit]
Description=davit, from source to production
Documentation=https://github.com/davit-dev/davit
After=network.target %[2]s
Requires=%[2]s

[Service]
Type=notify
ExecStart=%[1]s%[3]s
Restart=always
RestartSec=1
WatchdogSec=30
KillMode=process
Delegate=yes
DelegateSubgroup=davit
LimitNOFILE=1048576
UMask=0077

[Install]
WantedBy=multi-user.target
Also=%[2]s
`, strings.Join(command, " "), strings.Join(sockets, " "), reload)
}

func socketUnit(name, what, address string) string {
	return fmt.Sprintf(`[Unit]
Description=davit: %s

[Socket]
ListenStream=%s
FileDescriptorName=%s
Service=davit.service
Backlog=4096

[Install]
WantedBy=sockets.target
`, what, strings.TrimPrefix(address, ":"), name) // a port alone is on all addresses
}

// unitWord quotes a word of a command line (systemd.service(5), "Command lines";
// systemd.unit(5), "Specifiers").
func unitWord(word string) string {
	word = strings.NewReplacer("%", "%%", "$", "$$", `\`, `\\`, `"`, `\"`).Replace(word)
	if strings.ContainsAny(word, " \t'\"\\;") {
		return `"` + word + `"`
	}
	return word
}
