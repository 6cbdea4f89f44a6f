-- +goose Up

-- Runs of the lab, made with their receipts; what is known of a run is filled in when its
-- record has been read.
create table lab_runs (
    id         text    not null primary key references receipts (id) on delete cascade,
    run        text    not null default '', -- the lab's own name of it
    verb       text    not null default '',
    verdict    text    not null default '',
    phase      text    not null default '',
    reason     text    not null default '',
    release    text    not null default '',
    arch       text    not null default '',
    kernel_id  text    references kernels (id),
    accel      text    not null default '',
    host       text    not null default '', -- where it ran
    recipe     text    not null default '', -- identifies what was run: SHA-256 of the recipe
    key        text    not null default '', -- portable signature of the crash that speaks for it
    title      text    not null default '', -- of that crash
    steps      bigint  not null default 0,
    failed     bigint  not null default 0,  -- of the steps
    elapsed_us bigint  not null default 0,
    began_at   bigint  not null default 0,
    job_id     text    not null default '', -- the job it did, if any
    files      text    not null default '[]', -- JSON: []record.RunFile
    demo       boolean not null default false
);
create index lab_runs_began   on lab_runs (began_at, id);
create index lab_runs_recipe  on lab_runs (recipe, began_at);
create index lab_runs_key     on lab_runs (key, began_at);
create index lab_runs_kernel  on lab_runs (kernel_id, began_at);

-- What runs need, by content. The bytes are among the blobs.
create table lab_contents (
    sha256   text   not null primary key,
    size     bigint not null,
    first_at bigint not null,
    used_at  bigint not null
);

-- Runs that somebody asked for and a worker has to do.
create table lab_jobs (
    id         text   not null primary key,
    name       text   not null,
    batch      text   not null,             -- jobs that were sent together
    position   bigint not null,             -- in the batch
    recipe     text   not null,             -- JSON: lab.Recipe
    arch       text   not null,
    release    text   not null,
    accel      text   not null,             -- what the worker must have; '' is any
    priority   bigint not null default 0,
    state      text   not null check (state in ('queued', 'running', 'done', 'failed', 'cancelled')),
    attempts   bigint not null default 0,
    claim      text   not null default '',  -- names the worker's claim; another's word does not count
    worker     text   not null default '',
    phase      text   not null default '',  -- how far the run is
    error      text   not null default '',
    run_id     text   not null default '',  -- receipt of the run's record
    verdict    text   not null default '',
    by_whom    text   not null default '',
    created_at bigint not null,
    claimed_at bigint,
    until      bigint,                      -- the claim holds so long without a sign of life
    ended_at   bigint
);
create index lab_jobs_state on lab_jobs (state, priority, created_at);
create index lab_jobs_batch on lab_jobs (batch, position);

create table lab_workers (
    name     text   not null primary key,
    archs    text   not null,               -- JSON: []string
    accel    text   not null,
    slots    bigint not null,
    version  text   not null,
    first_at bigint not null,
    seen_at  bigint not null,
    runs     bigint not null default 0
);

-- +goose Down

drop table lab_workers;
drop table lab_jobs;
drop table lab_contents;
drop table lab_runs;
