package attest

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Envelope is a DSSE envelope (secure-systems-lab/dsse, envelope.md): a payload
// with signatures over it and its type.
type Envelope struct {
	Payload     []byte      `json:"payload"`
	PayloadType string      `json:"payloadType"`
	Signatures  []Signature `json:"signatures"`
}

// Signature is one of an Envelope's.
type Signature struct {
	Sig   []byte `json:"sig"`
	KeyID string `json:"keyid,omitempty"` // a hint; nothing is decided by it
}

// Seal signs the statement.
func (k Key) Seal(s Statement) (Envelope, error) {
	payload, err := s.JSON()
	if err != nil {
		return Envelope{}, err
	}
	signature, err := k.Sign(preAuthentication(inTotoPayloadType, payload))
	if err != nil {
		return Envelope{}, err
	}
	return Envelope{Payload: payload, PayloadType: inTotoPayloadType, Signatures: []Signature{{Sig: signature}}}, nil
}

// preAuthentication is what is signed (DSSE v1, protocol.md, "PAE").
func preAuthentication(kind string, payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(kind), kind, len(payload), payload)
}

// ErrSignature says that no signature is of the key.
var ErrSignature = errors.New("no signature was made with this key")

// ParseEnvelope reads an envelope. It verifies nothing.
func ParseEnvelope(data []byte) (Envelope, error) {
	var e Envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return Envelope{}, fmt.Errorf("read envelope: %w", err)
	}
	return e, e.check()
}

func (e Envelope) check() error {
	switch {
	case e.PayloadType != inTotoPayloadType:
		return fmt.Errorf("read envelope: it holds %q, not %s", e.PayloadType, inTotoPayloadType)
	case len(e.Signatures) == 0:
		return errors.New("read envelope: it has no signatures")
	}
	return nil
}

// Open returns the statement when a signature is of the key, else ErrSignature.
func (e Envelope) Open(key PublicKey) (Statement, error) {
	message := preAuthentication(e.PayloadType, e.Payload)
	for _, signature := range e.Signatures {
		if key.Verify(message, signature.Sig) {
			return ParseStatement(e.Payload)
		}
	}
	return Statement{}, ErrSignature
}

// Peek returns the statement, whoever signed it.
func (e Envelope) Peek() (Statement, error) { return ParseStatement(e.Payload) }
