package cli

import "github.com/spf13/cobra"

func newPatch(s Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "patch",
		Short: "Know, check and carry a stack of patches",
		Long: `Patch reads the patches that a kernel carries on top of its base, wherever they are
kept: quilt series and SUSE's series.conf, folders of patches (OpenWrt's in the order
of backport, pending, hack), mails and mailboxes, the output of git format-patch and
git log -p, commits of a repository, StGit stacks, patches of Gerrit. What cannot be
read is named with its file and line; nothing is skipped in silence.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(patchVerbs(s)...)
	return c
}

// patchVerbs are the verbs about patches; others join them here.
func patchVerbs(s Streams) []*cobra.Command {
	return []*cobra.Command{
		newPatchShow(s),
		newPatchCheck(s),
		newPatchSendPrep(s),
		newPatchIndex(s),
		newPatchEquiv(s),
		newPatchStack(s),
		newPatchFixes(s),
		newPatchKnownFix(s),
		newPatchReviews(s),
		newPatchContributions(s),
		newPatchApply(s),
		newPatchBackport(s),
		newPatchPlan(s),
	}
}
