-- +goose Up

-- Runs of tests, made with their receipts; the rest is filled in when they have been read.
create table test_runs (
    id        text    not null primary key references receipts (id) on delete cascade,
    name      text    not null default '', -- what was run: the suite
    status    text    not null default '',
    release   text    not null default '',
    arch      text    not null default '',
    machine   text    not null default '',
    kernel_id text    references kernels (id),
    at        bigint  not null default 0,
    totals    text    not null default '{}', -- JSON: ktest.Totals
    tests     bigint  not null default 0,
    bad       bigint  not null default 0,   -- what speaks against the run
    demo      boolean not null default false
);
create index test_runs_at   on test_runs (at, id);
create index test_runs_name on test_runs (name, release, machine, at);

-- Tests, by suite and path, with what their results amount to.
create table tests (
    id       text   not null primary key,
    suite    text   not null,
    path     text   not null,
    first_at bigint not null,
    last_at  bigint not null,
    status   text   not null,             -- the last
    since    bigint not null,             -- when it began to be well, or not
    runs     bigint not null default 0,   -- in which it was not skipped
    bad      bigint not null default 0,
    flips    bigint not null default 0,   -- from well to not, and back
    unique (suite, path)
);
create index tests_status on tests (status, last_at);
create index tests_flips  on tests (flips, last_at);

create table test_results (
    test_id text   not null references tests (id) on delete cascade,
    run_id  text   not null references test_runs (id) on delete cascade,
    at      bigint not null,
    status  text   not null,
    reason  text   not null default '',
    took_us bigint not null default 0,
    primary key (test_id, run_id)
);
create index test_results_at  on test_results (test_id, at);
create index test_results_run on test_results (run_id);

-- Tests whose failures are not acted upon for a time, by somebody's decision.
create table test_quarantines (
    id       text   not null primary key,
    test_id  text   not null references tests (id) on delete cascade,
    reason   text   not null,
    owner    text   not null,
    issue    text   not null default '',
    since    bigint not null,
    until    bigint not null,
    ended_at bigint,
    ended_by text   not null default ''
);
create index test_quarantines_test on test_quarantines (test_id, until);

-- Bisections, by their reports.
create table bisections (
    id         text    not null primary key references receipts (id) on delete cascade,
    kind       text    not null default '',
    verdict    text    not null default '',
    culprit    text    not null default '',
    subject    text    not null default '',
    posterior  double precision not null default 0,
    confidence double precision not null default 0,
    runs       bigint  not null default 0,
    builds     bigint  not null default 0,
    candidates bigint  not null default 0,
    signature  text    not null default '',
    at         bigint  not null default 0,
    demo       boolean not null default false
);
create index bisections_at on bisections (at, id);

-- +goose Down

drop table bisections;
drop table test_quarantines;
drop table test_results;
drop table tests;
drop table test_runs;
