-- +goose Up

-- A stack of patches that somebody carries, by its name.
create table patch_stacks (
    id         text   not null primary key,
    name       text   not null unique,
    report_id  text   not null,            -- the receipt of the latest report
    tree       text   not null,
    version    text   not null,            -- of the tree
    size       bigint not null,            -- patches to carry: the KPI
    totals     text   not null,            -- JSON: stack.Tally
    by_advice  text   not null,            -- JSON: what to do -> patches
    first_at   bigint not null,
    reported_at bigint not null,
    demo       boolean not null default false
);

-- Every report of a stack: how it went. Its row is made with the receipt, the rest is
-- filled in when it has been read.
create table patch_reports (
    id          text   not null primary key references receipts (id) on delete cascade,
    stack_id    text            references patch_stacks (id) on delete cascade,
    tree        text   not null default '',
    version     text   not null default '',
    size        bigint not null default 0,
    patches     bigint not null default 0,
    upstream    bigint not null default 0,
    missing     bigint not null default 0,
    failing     bigint not null default 0,
    reported_at bigint not null default 0
);
create index patch_reports_stack on patch_reports (stack_id, reported_at);

-- The patches of the latest report.
create table stack_patches (
    stack_id  text   not null references patch_stacks (id) on delete cascade,
    position  bigint not null,
    file      text   not null,
    subject   text   not null,
    author    text   not null,
    state     text   not null,             -- upstream, partly, not_upstream, unknown
    advice    text   not null,             -- repair, drop, rework, send, watch, keep
    release   text   not null,
    commit_id text   not null,             -- of upstream
    age_days  bigint not null,
    first_at  bigint not null,             -- when the stack was first seen with it
    entry     text   not null,             -- JSON: stack.Entry
    primary key (stack_id, position)
);
create index stack_patches_advice on stack_patches (stack_id, advice, position);

-- How patches were reviewed, and what was given to upstream: the latest document of each
-- name.
create table patch_documents (
    id          text   not null primary key references receipts (id) on delete cascade,
    kind        text   not null,            -- reviews or contributions
    name        text   not null default '',
    summary     text   not null default '', -- JSON: review.Figures or contrib.Summary
    reported_at bigint not null default 0,
    latest      boolean not null default false
);
create index patch_documents_name on patch_documents (kind, name, reported_at);

-- +goose Down

drop table patch_documents;
drop table stack_patches;
drop table patch_reports;
drop table patch_stacks;
