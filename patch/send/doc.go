// Package send prepares patches to be sent: a cover letter with the shortlog, the
// diffstat and what has changed since the version before; recipients; one mail for each
// patch, threaded below the cover; the trailers that say what the series is based on. It
// writes mails and never sends any.
//
//	series, err := send.Prepare(stack, send.Options{Sender: me, Owners: idx, Version: 2, Prior: old})
//	for _, m := range series.Mails { os.WriteFile(m.Name, m.Bytes(), 0o644) }
//
// The mails are as git format-patch writes them, with the cover letter in the form that b4
// has given it: git send-email sends them as they are, git am and b4 am take them back.
package send
