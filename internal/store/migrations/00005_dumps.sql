-- +goose Up

-- What was found in a kernel dump, by content: a dump that two hosts send, or
-- one twice, is analysed once. The documents themselves are blobs.
create table dump_documents (
    sha256      text   not null primary key references artefacts (sha256),
    analyzer    text   not null,            -- version of the rules that read it
    document    text   not null,            -- blob: vmcore.Document, gzip
    outline     text   not null,            -- blob: the same with each stack once, gzip
    log         text   not null default '', -- blob: the kernel's log, '' where it has none
    log_size    bigint not null default 0,
    summary     text   not null,            -- JSON: record.DumpSummary
    analysed_at bigint not null
);

-- Which receipts are of kernel dumps. The log of a dump has a receipt of its
-- own, as if the host had sent it: its crash is one like any other.
create table dumps (
    id          text    not null primary key references receipts (id) on delete cascade,
    log_receipt text    references receipts (id),
    kind        text    not null default '', -- of its first finding
    title       text    not null default '',
    node        text    not null default '', -- what the machine called itself
    release     text    not null default '',
    demo        boolean not null default false
);
create index dumps_log     on dumps (log_receipt) where log_receipt is not null;
create index dumps_kind    on dumps (kind, id);
create index dumps_release on dumps (release, id);

-- +goose Down

drop table dumps;
drop table dump_documents;
