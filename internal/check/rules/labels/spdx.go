package labels

import "strings"

// isLicense says whether a text is an SPDX license expression (SPDX 2.3, annex
// D): identifiers, with + and WITH and joined by AND and OR, in brackets.
func isLicense(s string) bool {
	s = strings.NewReplacer("(", " ( ", ")", " ) ").Replace(s)
	want, depth := true, 0 // want: an identifier or a bracket comes next
	exception := false     // an exception comes next
	for word := range strings.FieldsSeq(s) {
		switch {
		case exception:
			if !isIdentifier(word) {
				return false
			}
			exception = false
		case want && word == "(":
			depth++
		case want:
			if !isKnown(strings.TrimSuffix(word, "+")) {
				return false
			}
			want = false
		case word == ")" && depth > 0:
			depth--
		case strings.EqualFold(word, "AND") || strings.EqualFold(word, "OR"):
			want = true
		case strings.EqualFold(word, "WITH"):
			exception = true
		default:
			return false
		}
	}
	return !want && !exception && depth == 0
}

func isKnown(id string) bool {
	document, reference, found := strings.Cut(id, ":")
	if found {
		return strings.HasPrefix(document, "DocumentRef-") && isIdentifier(document) && strings.HasPrefix(reference, "LicenseRef-") && isIdentifier(reference)
	}
	if strings.HasPrefix(id, "LicenseRef-") {
		return isIdentifier(id)
	}
	for known := range strings.FieldsSeq(licenses()) {
		if strings.EqualFold(known, id) {
			return true
		}
	}
	return false
}

func isIdentifier(s string) bool {
	for _, r := range s {
		if !isLower(r|0x20) && !isDigit(r) && r != '.' && r != '-' {
			return false
		}
	}
	return !strings.HasSuffix(s, "-") && s != ""
}
