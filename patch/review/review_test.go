package review_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"ringside/patch/review"
)

const mbox = `From mboxrd@z Thu Jan  1 00:00:00 1970
From: Ada <ada@example.org>
Date: Mon, 6 Nov 2023 10:00:00 +0000
Subject: [PATCH net 0/2] net: frob: two fixes
Message-ID: <v1.0@ada>

All.

From mboxrd@z Thu Jan  1 00:00:00 1970
From: Ada <ada@example.org>
Date: Mon, 6 Nov 2023 10:00:01 +0000
Subject: [PATCH net 1/2] net: frob: one
Message-ID: <v1.1@ada>
In-Reply-To: <v1.0@ada>

Reviewed-by: Somebody <inside@patch.example>
---
diff

From mboxrd@z Thu Jan  1 00:00:00 1970
From: =?utf-8?q?Bj=C3=B6rn?= <Bjorn@example.org>
Date: Tue, 7 Nov 2023 10:00:00 +0000
Subject: Re: [PATCH net 1/2] net: frob: one
Message-ID: <r1@bjorn>
In-Reply-To: <v1.1@ada>
Content-Type: multipart/alternative; boundary="x"

--x
Content-Type: text/html

<p>Reviewed-by: nobody</p>
--x
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

> Reviewed-by: Quoted <quoted@example.org>
Please say why=2E
--x--

From mboxrd@z Thu Jan  1 00:00:00 1970
From: Ada <ada@example.org>
Date: Wed, 8 Nov 2023 10:00:00 +0000
Subject: [PATCH net v3 0/2] net: frob: two fixes
Message-ID: <v3.0@ada>

All.

From mboxrd@z Thu Jan  1 00:00:00 1970
From: Ada <ada@example.org>
Date: Wed, 8 Nov 2023 10:00:01 +0000
Subject: [PATCH net v3 1/2] net: frob: one
Message-ID: <v3.1@ada>
References: <v3.0@ada>

>From here on it is a body.

From mboxrd@z Thu Jan  1 00:00:00 1970
From: Bjorn <bjorn@example.org>
Date: Thu, 9 Nov 2023 10:00:00 +0000
Subject: Re: [PATCH net v3 1/2] net: frob: one
Message-ID: <r2@bjorn>
In-Reply-To: <v3.1@ada>

Reviewed-by: Björn <bjorn@example.org>

From mboxrd@z Thu Jan  1 00:00:00 1970
From: Maintainer <m@example.org>
Date: Fri, 10 Nov 2023 10:00:00 +0000
Subject: Re: [PATCH net v3 0/2] net: frob: two fixes
Message-ID: <r3@m>
References: <v3.0@ada> <r2@bjorn>

Thanks, applied to net.git.

From mboxrd@z Thu Jan  1 00:00:00 1970
From: Bo <bo@example.org>
Date: Fri, 10 Nov 2023 11:00:00 +0000
Subject: [RFC PATCH] mm: another
Message-ID: <other@bo>

text

From mboxrd@z Thu Jan  1 00:00:00 1970
From: Cy <cy@example.org>
Date: Fri, 10 Nov 2023 12:00:00 +0000
Subject: a question
Message-ID: <q@cy>

applied? no.
`

func TestMails(t *testing.T) {
	list, problems, err := review.Read(strings.NewReader(mbox))
	if err != nil || len(problems) > 0 || len(list) != 2 {
		t.Fatalf("%+v, %v, %v", list, problems, err)
	}
	r := list[0]
	if r.Title != "net: frob: two fixes" || r.Rounds != 3 || r.Patches != 2 || r.State != review.Merged || r.ID != "<v3.0@ada>" || r.Comments != 3 {
		t.Errorf("%+v", r)
	}
	if strings.Join(r.Reviewers, " ") != "bjorn@example.org m@example.org" || len(r.Approvals) != 1 || r.Approvals[0] != (review.Approval{Who: "bjorn@example.org", Kind: "Reviewed-by"}) {
		t.Errorf("%v %v", r.Reviewers, r.Approvals)
	}
	if r.Closed == nil || !r.Created.Equal(time.Date(2023, 11, 6, 10, 0, 0, 0, time.UTC)) || r.Because != "Thanks, applied to net.git." {
		t.Errorf("%v %v %q", r.Created, r.Closed, r.Because)
	}
	if o := list[1]; o.State != review.Open || o.Rounds != 1 || o.Title != "mm: another" || len(o.Reviewers) != 0 {
		t.Errorf("%+v", o)
	}
	f := review.Sum(list)
	if f.Acceptance != 1 || f.MedianRounds != 3 || f.MedianDays != 4 || f.Open != 1 || f.Unreviewed != 0 || len(f.Reviewers) != 2 {
		t.Errorf("%+v", f)
	}
}

func TestForges(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []review.Review
		problems   int
	}{
		{
			"GitHub's REST", `[{"number":7,"title":"frob: fix","state":"closed","user":{"login":"ada"},"created_at":"2024-01-01T00:00:00Z","merged_at":"2024-01-03T00:00:00Z","merge_commit_sha":"abc","commits":2,
"reviews":[{"user":{"login":"bo"},"state":"CHANGES_REQUESTED"},{"user":{"login":"cy"},"state":"CHANGES_REQUESTED"},{"user":{"login":"ada"},"state":"COMMENTED"},{"user":{"login":"bo"},"state":"APPROVED"}]},
{"number":8,"title":"no","state":"closed","user":{"login":"ada"},"created_at":"2024-01-01T00:00:00Z","closed_at":"2024-01-02T00:00:00Z"},{"number":9}]`,
			[]review.Review{
				{Source: "github", ID: "#7", Title: "frob: fix", Author: "ada", State: review.Merged, Rounds: 2, Patches: 2, Comments: 3, Reviewers: []string{"bo", "cy"}, Approvals: []review.Approval{{Who: "bo", Kind: "approved"}}, Commit: "abc"},
				{Source: "github", ID: "#8", Title: "no", Author: "ada", State: review.Abandoned, Rounds: 1},
			}, 1,
		},
		{
			"gh", `[{"number":7,"title":"frob","state":"MERGED","author":{"login":"ada"},"createdAt":"2024-01-01T00:00:00Z","mergedAt":"2024-01-03T00:00:00Z","mergeCommit":{"oid":"abc"},"commits":[{},{}],"reviews":[{"author":{"login":"bo"},"state":"APPROVED"}]}]`,
			[]review.Review{{Source: "github", ID: "#7", Title: "frob", Author: "ada", State: review.Merged, Rounds: 1, Patches: 2, Comments: 1, Reviewers: []string{"bo"}, Approvals: []review.Approval{{Who: "bo", Kind: "approved"}}, Commit: "abc"}}, 0,
		},
		{
			"GitLab", `{"iid":3,"title":"frob","state":"merged","author":{"username":"ada"},"created_at":"2024-01-01T00:00:00.000Z","merged_at":"2024-01-02T00:00:00.000Z","merge_commit_sha":"abc","user_notes_count":4,"reviewers":[{"username":"bo"}],"versions":[{},{},{}]}`,
			[]review.Review{{Source: "gitlab", ID: "!3", Title: "frob", Author: "ada", State: review.Merged, Rounds: 3, Comments: 4, Reviewers: []string{"bo"}, Commit: "abc"}}, 0,
		},
		{
			"gerrit query", `{"project":"k","number":12,"subject":"frob","owner":{"email":"ada@x"},"status":"MERGED","createdOn":1704067200,"lastUpdated":1704153600,"patchSets":[{"number":1,"kind":"REWORK"},{"number":2,"kind":"TRIVIAL_REBASE"},{"number":3,"kind":"REWORK","approvals":[{"type":"Code-Review","value":"2","by":{"email":"bo@x"}},{"type":"Verified","value":"1","by":{"email":"bot@x"}},{"type":"SUBM","value":"1","by":{"email":"bo@x"}}]}]}
{"type":"stats","rowCount":1}`,
			[]review.Review{{Source: "gerrit", ID: "12", Title: "frob", Author: "ada@x", State: review.Merged, Rounds: 2, Patches: 1, Reviewers: []string{"bo@x"}, Approvals: []review.Approval{{Who: "bo@x", Kind: "Code-Review+2"}}}}, 0,
		},
		{
			"Gerrit's REST", ")]}'\n" + `[{"_number":5,"subject":"frob","status":"ABANDONED","owner":{"name":"Ada"},"created":"2024-01-01 00:00:00.000000000","updated":"2024-01-02 00:00:00.000000000","labels":{"Code-Review":{"all":[{"email":"bo@x","value":-1},{"email":"cy@x","value":0}]}},"revisions":{"a":{"kind":"REWORK"},"b":{"kind":"REWORK"}},"messages":[{"author":{"email":"bo@x"}},{"author":{"email":"bot@x"},"tag":"autogenerated:x"}]}]`,
			[]review.Review{{Source: "gerrit", ID: "5", Title: "frob", Author: "Ada", State: review.Abandoned, Rounds: 2, Patches: 1, Comments: 1, Reviewers: []string{"bo@x"}}}, 0,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, problems, err := review.Read(strings.NewReader(tt.text))
			if err != nil || len(problems) != tt.problems || len(got) != len(tt.want) {
				t.Fatalf("%+v, %v, %v", got, problems, err)
			}
			for i, w := range tt.want {
				g := got[i]
				if g.Created.Year() != 2024 || (g.State != review.Open) != (g.Closed != nil) {
					t.Errorf("from %v to %v", g.Created, g.Closed)
				}
				if g.Source != w.Source || g.ID != w.ID || g.Title != w.Title || g.Author != w.Author || g.State != w.State || g.Rounds != w.Rounds || g.Patches != w.Patches ||
					g.Comments != w.Comments || strings.Join(g.Reviewers, " ") != strings.Join(w.Reviewers, " ") || len(g.Approvals) != len(w.Approvals) || g.Commit != w.Commit {
					t.Errorf("got  %+v\nwant %+v", g, w)
				}
			}
		})
	}
}

func TestBadInput(t *testing.T) {
	if _, _, err := review.Read(strings.NewReader("hello")); !errors.Is(err, review.ErrUnknown) {
		t.Errorf("a text: %v", err)
	}
	if _, _, err := review.Read(strings.NewReader(`[{"number":`)); err == nil || !strings.Contains(err.Error(), "offset") {
		t.Errorf("cut off: %v", err)
	}
	list, problems, err := review.Read(strings.NewReader(`{"iid":3,"title":"frob","state":"opened"} nonsense`))
	if err != nil || len(list) != 1 || len(problems) != 1 {
		t.Errorf("%+v, %v, %v", list, problems, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(mbox)
	f.Add(`[{"number":7,"title":"x","state":"open"}]`)
	f.Add(")]}'\n{}")
	f.Fuzz(func(t *testing.T, text string) {
		list, _, _ := review.Read(strings.NewReader(text))
		for _, r := range list {
			if r.Rounds < 1 || r.Reviewers == nil {
				t.Fatalf("%+v", r)
			}
		}
		review.Sum(list)
	})
}
