-- +goose Up

-- Work that was promised in the same transaction as the fact it follows from.
create table jobs (
    id          text    not null primary key,
    kind        text    not null,
    key         text    not null,            -- what the job works on; one job per (kind, key)
    payload     text    not null default '', -- JSON
    state       text    not null check (state in ('pending', 'running', 'done', 'dead')),
    attempts    bigint  not null default 0,
    run_at      bigint  not null,            -- not before
    lease_until bigint,                      -- running: whoever claimed it is presumed dead after this
    claim       text,                        -- running: the claim that may finish it
    last_error  text    not null default '',
    created_at  bigint  not null,
    finished_at bigint,
    unique (kind, key)
);

create index jobs_pending  on jobs (run_at, id) where state = 'pending';
create index jobs_running  on jobs (lease_until) where state = 'running';
create index jobs_dead     on jobs (finished_at) where state = 'dead';
create index jobs_finished on jobs (finished_at) where state = 'done';

-- +goose Down

drop table jobs;
