package cli

import (
	"fmt"
	"os"

	"golang.org/x/term"
)

// passwordVariable is where cosign looks, too.
const passwordVariable = "COSIGN_PASSWORD"

// password returns the password of the key to sign with: what the variable says,
// be it nothing, else what is typed.
func (s Stdio) password() ([]byte, error) {
	if set, found := os.LookupEnv(passwordVariable); found {
		return []byte(set), nil
	}
	in, isFile := s.In.(*os.File)
	if !isFile || !term.IsTerminal(int(in.Fd())) {
		return nil, &exitError{
			code: exitUsage, message: "it is encrypted, and there is no terminal to ask for its password",
			tip: "set " + passwordVariable + "; an empty one is valid",
		}
	}
	fmt.Fprint(s.Err, "Password of the key to sign with: ")
	typed, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(s.Err) // what ends the line was not shown
	if err != nil {
		return nil, fmt.Errorf("read the password: %w", err)
	}
	return typed, nil
}
