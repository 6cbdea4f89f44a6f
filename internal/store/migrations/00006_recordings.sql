-- +goose Up

-- What was found in a profile or a trace, by content. The documents themselves
-- are blobs.
create table recording_documents (
    sha256      text   not null primary key references artefacts (sha256),
    analyzer    text   not null,            -- version of the rules that read it
    document    text   not null,            -- blob: recording.Summary, JSON, gzip
    profile     text   not null default '', -- blob: the profile with its names; '' of a trace
    page        text   not null,            -- blob: its picture as one page, HTML, gzip
    summary     text   not null,            -- JSON: record.RecordingSummary
    analysed_at bigint not null
);

-- Which receipts are of recordings.
create table recordings (
    id       text    not null primary key references receipts (id) on delete cascade,
    kind     text    not null default '', -- profile or trace
    title    text    not null default '',
    node     text    not null default '', -- what the machine called itself
    release  text    not null default '',
    demo     boolean not null default false
);
create index recordings_kind    on recordings (kind, id);
create index recordings_release on recordings (release, id);

-- +goose Down

drop table recordings;
drop table recording_documents;
