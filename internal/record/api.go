package record

import (
	"context"
	"errors"
	"io"

	"ringside/lab"
)

// The errors of the record. They are wrapped with what was asked for and what
// to do; compare with errors.Is.
var (
	ErrNotFound = errors.New("not in the record")
	ErrInvalid  = errors.New("not valid")
	ErrEmpty    = errors.New("the artefact is empty")
	ErrTooLarge = errors.New("the artefact is too large")
	ErrMismatch = errors.New("the artefact is not what was announced")
)

// Reader is the read side of [Service]: what pages and the API show. Every
// method answers ErrNotFound for an ID that does not exist and ErrInvalid for a
// filter that makes no sense.
type Reader interface {
	Overview(ctx context.Context, q OverviewQuery) (*Overview, error)

	Signatures(ctx context.Context, f SignatureFilter) (*SignaturePage, error)
	Signature(ctx context.Context, id string) (*SignatureDetail, error)
	// Similar returns the signatures that resemble one, SimilarTo those that
	// resemble what a log, or a parsed one, is about.
	Similar(ctx context.Context, id string) ([]Similar, error)
	SimilarTo(ctx context.Context, r io.Reader) (*SimilarTo, error)
	SimilarToDocument(ctx context.Context, r io.Reader) (*SimilarTo, error)
	// FunctionCounts tells what the record has learned about functions.
	FunctionCounts(ctx context.Context, functions []string) (*FunctionCounts, error)
	Suggestions(ctx context.Context, f SuggestionFilter) (*SuggestionPage, error)
	Links(ctx context.Context, f LinkFilter) (*LinkPage, error)

	Algorithms(ctx context.Context) (*Algorithms, error)
	BackfillDiff(ctx context.Context) (*BackfillDiff, error)
	BackfillChanges(ctx context.Context, what, cursor string, limit int) (*BackfillPage, error)

	Crashes(ctx context.Context, f CrashFilter) (*CrashPage, error)
	Crash(ctx context.Context, id string) (*CrashDetail, error)
	CrashLog(ctx context.Context, id string, r LogRange) (*LogText, error)

	Kernels(ctx context.Context, f KernelFilter) (*KernelPage, error)
	Kernel(ctx context.Context, idOrRelease string) (*KernelDetail, error)

	Hosts(ctx context.Context, f HostFilter) (*HostPage, error)
	Host(ctx context.Context, idOrName string) (*HostDetail, error)

	Artefact(ctx context.Context, sha256 string) (*Artefact, error)
	// OpenArtefact returns the raw bytes, verified against the hash: a
	// damaged artefact fails with an error at its end, never with a silent EOF.
	OpenArtefact(ctx context.Context, sha256 string) (io.ReadCloser, int64, error)

	Dumps(ctx context.Context, f DumpFilter) (*DumpPage, error)
	Dump(ctx context.Context, id string) (*Dump, error)
	// OpenDump opens a part of what was found in a dump.
	OpenDump(ctx context.Context, id string, part DumpPart) (io.ReadCloser, int64, error)

	Recordings(ctx context.Context, f RecordingFilter) (*RecordingPage, error)
	Recording(ctx context.Context, id string) (*Recording, error)
	// OpenRecording opens a part of what was found in a recording.
	OpenRecording(ctx context.Context, id string, part RecordingPart) (io.ReadCloser, int64, error)

	CVEs(ctx context.Context, f CVEFilter) (*CVEPage, error)
	CVE(ctx context.Context, id string) (*CVEDetail, error)
	Exposures(ctx context.Context) (*Exposures, error)
	KernelExposure(ctx context.Context, idOrRelease string) (*KernelExposure, error)
	Verdicts(ctx context.Context, kernel string, f VerdictFilter) (*VerdictPage, error)
	PatchStacks(ctx context.Context) ([]PatchStack, error)
	PatchWork(ctx context.Context) (*PatchWork, error)
	PatchStack(ctx context.Context, idOrName string) (*PatchStack, error)
	StackPatches(ctx context.Context, id string, f StackPatchFilter) (*StackPatchPage, error)
	Baselines(ctx context.Context, kernel string) ([]KernelBaseline, error)
	Drift(ctx context.Context, kernel string) ([]Drift, error)

	TestRuns(ctx context.Context, f TestRunFilter) (*TestRunPage, error)
	TestRun(ctx context.Context, id string) (*TestRunDetail, error)
	TestMatrix(ctx context.Context) (*TestMatrix, error)
	Tests(ctx context.Context, f TestFilter) (*TestPage, error)
	Test(ctx context.Context, id string) (*Test, error)
	Bisections(ctx context.Context, w Window) (*BisectionPage, error)
	Bisection(ctx context.Context, id string) (*Bisection, error)
	Regressions(ctx context.Context, w Window) (*RegressionPage, error)
	Regression(ctx context.Context, id string) (*Regression, error)
	// Proof is what the lab has shown about a signature.
	Proof(ctx context.Context, signature string) (*Proof, error)
	LabRuns(ctx context.Context, f LabRunFilter) (*LabRunPage, error)
	LabRun(ctx context.Context, id string) (*LabRunDetail, error)
	LabJobs(ctx context.Context, f LabJobFilter) (*LabJobPage, error)
	LabJob(ctx context.Context, id string) (*LabJob, error)
	LabWorkers(ctx context.Context) ([]LabWorker, error)
	// OpenLabContent opens a content of the lab, verified against its hash.
	OpenLabContent(ctx context.Context, sha256 string) (io.ReadCloser, int64, error)
	MissingLabContents(ctx context.Context, sums []string) ([]string, error)

	Jobs(ctx context.Context, f JobFilter) (*JobPage, error)
}

// Writer is the write side of [Service].
type Writer interface {
	// Intake keeps an artefact and queues its analysis. When it returns
	// without an error the artefact is durable.
	Intake(ctx context.Context, r io.Reader, m Meta) (Receipt, error)
	// IntakeKnown keeps a delivery of content that is here already.
	IntakeKnown(ctx context.Context, m Meta) (Receipt, error)
	// Receipt returns a receipt as it stands now.
	Receipt(ctx context.Context, id string) (Receipt, error)
	// Wait returns once the receipt's analysis is done or has failed, or with
	// the receipt as it stands when ctx ends.
	Wait(ctx context.Context, id string) (Receipt, error)
	// ChangeSignature applies a person's decision.
	ChangeSignature(ctx context.Context, id string, c SignatureChange) (*SignatureDetail, error)
	// Link applies a person's decision about two signatures, UndoLink takes
	// it back.
	Link(ctx context.Context, c LinkChange) (*Link, error)
	UndoLink(ctx context.Context, id, by string) (*Link, error)
	// StartBackfill begins to find out what newer rules would change, and
	// DecideBackfill ends it one way or the other.
	StartBackfill(ctx context.Context) (*Backfill, error)
	DecideBackfill(ctx context.Context, accept bool, by string) (*Backfill, error)
	// AcceptRisk keeps the decision to live with a CVE until a time, RevokeRisk
	// ends it before.
	AcceptRisk(ctx context.Context, c RiskChange) (*Risk, error)
	RevokeRisk(ctx context.Context, id, by string) error
	// Reanalyse queues the analysis of all receipts of an artefact again.
	Reanalyse(ctx context.Context, sha256 string) error
	// ConfirmRegression keeps somebody's word that something got worse,
	// CloseRegression that it is gone.
	ConfirmRegression(ctx context.Context, c RegressionChange) (*Regression, error)
	CloseRegression(ctx context.Context, id, by, fixedBy string) (*Regression, error)
	// Quarantine keeps the decision not to act upon a test's failures for a time,
	// EndQuarantine ends it before.
	Quarantine(ctx context.Context, c QuarantineChange) (*Test, error)
	EndQuarantine(ctx context.Context, test, by string) (*Test, error)
	// PutLabContent keeps what runs of the lab need; OrderLabRuns queues runs.
	PutLabContent(ctx context.Context, sha256 string, r io.Reader) (lab.Content, error)
	OrderLabRuns(ctx context.Context, o LabOrder) ([]LabJob, error)
	CancelLabJob(ctx context.Context, id, by string) (*LabJob, error)
	// ClaimLabJob, LabAlive and EndLabJob are a worker's: ErrClaimLost means
	// that the job is no longer its own.
	ClaimLabJob(ctx context.Context, o LabOffer) (*LabClaim, error)
	LabAlive(ctx context.Context, job string, sign LabSign) error
	EndLabJob(ctx context.Context, job string, r LabResult) (*LabJob, error)
	// RetryJob queues a dead job again.
	RetryJob(ctx context.Context, id string) (*Job, error)
}
