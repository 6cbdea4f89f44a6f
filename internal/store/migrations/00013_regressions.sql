-- +goose Up

-- Changes for the worse that somebody has confirmed.
create table regressions (
    id           text   not null primary key,
    kind         text   not null check (kind in ('crash', 'test', 'bench', 'boot')),
    title        text   not null,
    signature_id text   not null default '', -- what shows it, where the record has it
    test_id      text   not null default '',
    kernel_id    text   references kernels (id),
    stage        text   not null check (stage in ('before', 'after')), -- found before or after a release
    culprit      text   not null default '',
    bisection_id text   not null default '',
    note         text   not null default '',
    by_whom      text   not null,
    found_at     bigint not null,
    created_at   bigint not null,
    closed_at    bigint,
    closed_by    text   not null default '',
    fixed_by     text   not null default '' -- what ended it
);
create index regressions_found on regressions (found_at, id);

-- +goose Down

drop table regressions;
