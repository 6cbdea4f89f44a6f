package check

import (
	"slices"

	"ringside/patch/flaw"
)

// A Rule is something that a review asks.
type Rule struct {
	ID         string
	Title      string
	Severity   Severity
	Source     string // the kernel's document, or another, that the rule is from
	Hint       string
	Confidence int
}

// Documents that rules are from.
const (
	submitting  = "Documentation/process/submitting-patches.rst"
	stableRules = "Documentation/process/stable-kernel-rules.rst"
	licences    = "Documentation/process/license-rules.rst"
	bindings    = "Documentation/devicetree/bindings/submitting-patches.rst"
	kconfigLang = "Documentation/kbuild/kconfig-language.rst"
	addingCalls = "Documentation/process/adding-syscalls.rst"
	abiReadme   = "Documentation/ABI/README"
	botching    = "Documentation/process/botching-up-ioctls.rst"
)

// Rules gives all rules, those of functions among them.
func Rules() []Rule {
	out := slices.Clone(rules)
	for _, f := range flaw.Rules() {
		out = append(out, flawRule(f))
	}
	return out
}

func flawRule(f flaw.Rule) Rule {
	s := Warning
	if f.ID == "snprintf-length" {
		s = Note
	}
	return Rule{ID: f.ID, Title: f.Title, Severity: s, Source: f.Source, Hint: f.Hint, Confidence: f.Sure}
}

// RuleByID gives the rule with a name.
func RuleByID(id string) Rule {
	for _, r := range rules {
		if r.ID == id {
			return r
		}
	}
	return flawRule(flaw.RuleByID(id))
}

// same are the rules of other tools that ask what one of Ringside's does.
var same = map[string]string{
	"checkpatch:MISSING_SIGN_OFF":       "signed-off",
	"checkpatch:FROM_SIGN_OFF_MISMATCH": "signed-off-author",
	"checkpatch:COMMIT_LOG_LONG_LINE":   "wrap",
	"checkpatch:GERRIT_CHANGE_ID":       "change-id",
	"checkpatch:GIT_COMMIT_ID":          "commit-reference",
	"checkpatch:BAD_FIXES_TAG":          "fixes-format",
	"checkpatch:BAD_SIGN_OFF":           "trailer-key",
	"checkpatch:BAD_REPORTED_BY_LINK":   "reported-link",
	"checkpatch:SPDX_LICENSE_TAG":       "spdx",
	"checkpatch:CONFIG_DESCRIPTION":     "kconfig-help",
	"checkpatch:COMMIT_MESSAGE":         "description",
	"checkpatch:FILE_PATH_CHANGES":      "maintainers",
	"checkpatch:DT_SPLIT_BINDING_PATCH": "dt-bindings",
}

var rules = []Rule{
	{ID: "unreadable", Title: "the patch cannot be read", Severity: Error, Source: submitting, Hint: "send it with git send-email, which changes nothing"},
	{ID: "subject-prefix", Title: "the subject names the subsystem first", Severity: Warning, Source: submitting, Hint: "\"subsystem: summary phrase\"; git log --oneline FILE shows what others wrote"},
	{ID: "subject-length", Title: "the subject has at most 75 characters", Severity: Warning, Source: submitting, Hint: "say the rest in the description"},
	{ID: "subject-mood", Title: "the subject is an order to the code", Severity: Note, Source: submitting, Hint: "\"make xyzzy do frotz\", not \"makes\" or \"made\"", Confidence: 90},
	{ID: "subject-stop", Title: "the subject has no full stop", Severity: Note, Source: submitting, Hint: "leave the full stop out"},
	{ID: "description", Title: "there is a description", Severity: Error, Source: submitting, Hint: "say what the problem is, what users see of it, and what is done"},
	{ID: "description-why", Title: "the description says why", Severity: Note, Source: submitting, Hint: "describe the problem before the change", Confidence: 70},
	{ID: "wrap", Title: "the description is wrapped at 75 columns", Severity: Note, Source: submitting, Hint: "wrap the text; logs, tables and links may be longer"},
	{ID: "commit-reference", Title: "commits are named by 12 digits and their subject", Severity: Warning, Source: submitting, Hint: "commit 123456789abc (\"subsystem: summary\")"},
	{ID: "commit-unknown", Title: "commits that are named exist", Severity: Warning, Source: submitting, Hint: "git log --oneline -1 ID", Confidence: 90},
	{ID: "commit-subject", Title: "commits are named by their own subject", Severity: Warning, Source: submitting, Hint: "take it from git log --format='%h (\"%s\")'"},
	{ID: "version-changes", Title: "a new version says what has changed", Severity: Warning, Source: submitting, Hint: "below the \"---\": what changed since v1"},
	{ID: "change-id", Title: "no Gerrit tags", Severity: Error, Source: submitting, Hint: "remove the line"},
	{ID: "signed-off", Title: "the patch is signed off", Severity: Error, Source: submitting, Hint: "git commit --amend -s, if you can certify the DCO"},
	{ID: "signed-off-author", Title: "the author has signed off", Severity: Error, Source: submitting, Hint: "the From: line and a Signed-off-by: have to name the same person"},
	{ID: "signed-off-sender", Title: "the last to sign off is who sends it", Severity: Warning, Source: submitting, Hint: "whoever passes a patch on signs it last"},
	{ID: "signed-off-form", Title: "sign-offs are names with addresses", Severity: Error, Source: submitting, Hint: "Signed-off-by: Name <address>"},
	{ID: "co-developed", Title: "Co-developed-by: is followed by that person's sign-off", Severity: Error, Source: submitting, Hint: "Signed-off-by: of the same person on the next line"},
	{ID: "missing-recipient", Title: "a maintainer or list is not among the recipients", Severity: Warning, Source: submitting, Hint: "ringside patch send-prep makes the lists"},
	{ID: "reported-link", Title: "Reported-by: is followed by a link to the report", Severity: Note, Source: submitting, Hint: "Closes: https://… on the next line"},
	{ID: "trailer-key", Title: "trailers have keys that are known", Severity: Error, Source: submitting, Hint: "correct the key", Confidence: 90},
	{ID: "link", Title: "links lead to archives that stay", Severity: Note, Source: submitting, Hint: "https://lore.kernel.org/…/<message-ID>/"},
	{ID: "fixes-format", Title: "Fixes: has 12 digits and the subject", Severity: Error, Source: submitting, Hint: "git log -1 --abbrev=12 --format='Fixes: %h (\"%s\")' ID"},
	{ID: "fixes-stable", Title: "a fix says whether stable wants it", Severity: Note, Source: stableRules, Hint: "Cc: stable@vger.kernel.org, if the bug is in a release", Confidence: 60},
	{ID: "stable-fixes", Title: "a patch for stable says what it fixes", Severity: Note, Source: stableRules, Hint: "Fixes:, or \"# 6.1.x\" behind the Cc", Confidence: 70},
	{ID: "stable-commit", Title: "a backport names upstream's commit", Severity: Error, Source: stableRules, Hint: "\"commit <40 digits> upstream.\" on top of the description"},
	{ID: "stable-size", Title: "a patch for stable has at most 100 lines", Severity: Note, Source: stableRules, Hint: "say why it has to be so large", Confidence: 80},
	{ID: "mixed-subsystems", Title: "one patch, one subsystem", Severity: Note, Source: submitting, Hint: "one patch for each maintainer's tree", Confidence: 70},
	{ID: "mixed-whitespace", Title: "white space is cleaned up apart", Severity: Note, Source: submitting, Hint: "a patch of its own", Confidence: 75},
	{ID: "rename-edit", Title: "code is moved without being changed", Severity: Note, Source: submitting, Hint: "first move, then change", Confidence: 75},
	{ID: "apply", Title: "each patch applies to the one before", Severity: Error, Source: submitting, Hint: "rebase the series; ringside patch backport names what is missing"},
	{ID: "apply-fuzz", Title: "the patch applies without fuzz", Severity: Note, Source: submitting, Hint: "refresh it: fuzz puts code into the wrong place sometimes"},
	{ID: "order", Title: "what is used is there", Severity: Error, Source: submitting, Hint: "change the order of the patches, so that each step builds", Confidence: 85},
	{ID: "build", Title: "each step builds", Severity: Error, Source: submitting, Hint: "the series is not bisectable"},
	{ID: "spdx", Title: "new files name their licence", Severity: Warning, Source: licences, Hint: "// SPDX-License-Identifier: GPL-2.0-only on the first line of a .c file, /* … */ of a .h file"},
	{ID: "licence", Title: "the licence is one of the kernel's", Severity: Error, Source: licences, Hint: "LICENSES/ has those that are allowed"},
	{ID: "uapi-licence", Title: "headers of user space have the syscall note", Severity: Warning, Source: licences, Hint: "GPL-2.0 WITH Linux-syscall-note"},
	{ID: "export-removed", Title: "exported symbols stay", Severity: Warning, Source: abiReadme, Hint: "out-of-tree modules, and in-tree ones that use it, no longer load", Confidence: 90},
	{ID: "export-added", Title: "a symbol is exported", Severity: Note, Source: "Documentation/kernel-hacking/hacking.rst", Hint: "name the user in the tree", Confidence: 95},
	{ID: "export-licence", Title: "an export changes its licence", Severity: Warning, Source: "Documentation/kernel-hacking/hacking.rst", Hint: "say why in the description"},
	{ID: "export-signature", Title: "an exported function changes", Severity: Note, Source: "Documentation/process/stable-api-nonsense.rst", Hint: "all modules have to be rebuilt: a break of the KABI", Confidence: 90},
	{ID: "uapi-removed", Title: "user space's interface loses something", Severity: Error, Source: abiReadme, Hint: "programs that use it break; deprecate it", Confidence: 80},
	{ID: "uapi-added", Title: "user space's interface grows", Severity: Note, Source: addingCalls, Hint: "Cc: linux-api@vger.kernel.org; document it", Confidence: 95},
	{ID: "uapi-ioctl", Title: "the number of an ioctl changes", Severity: Error, Source: botching, Hint: "a new ioctl beside the old one"},
	{ID: "syscall-added", Title: "a system call is added", Severity: Warning, Source: addingCalls, Hint: "Cc: linux-api@vger.kernel.org, a man page, a self-test", Confidence: 95},
	{ID: "abi-struct", Title: "the layout of a type changes", Severity: Note, Source: "Documentation/process/stable-api-nonsense.rst", Hint: "modules that know the type have to be rebuilt", Confidence: 95},
	{ID: "kconfig-help", Title: "new symbols have a help text", Severity: Warning, Source: kconfigLang, Hint: "help, with what it is for and who needs it"},
	{ID: "module-licence", Title: "modules name their licence", Severity: Error, Source: licences, Hint: "MODULE_LICENSE(\"GPL\")"},
	{ID: "maintainers", Title: "new files have a maintainer", Severity: Note, Source: submitting, Hint: "an entry in MAINTAINERS that covers it", Confidence: 85},
	{ID: "dt-bindings", Title: "bindings are a patch of their own", Severity: Warning, Source: bindings, Hint: "the binding first, then the driver"},
	{ID: "approval", Title: "somebody has to approve", Severity: Warning, Source: "the policy", Hint: "ask for the approval before it is merged", Confidence: 100},
}
