-- +goose Up

-- Recipes that show a crash, by their reports.
create table reproducers (
    id         text    not null primary key references receipts (id) on delete cascade,
    key        text    not null default '', -- portable signature of what is reproduced
    title      text    not null default '',
    reproduced boolean not null default false,
    release    text    not null default '',
    arch       text    not null default '',
    parts      bigint  not null default 0,  -- of the smallest recipe
    hits       bigint  not null default 0,  -- of the runs that measured the rate
    runs       bigint  not null default 0,
    low        double precision not null default 0,
    high       double precision not null default 1,
    at         bigint  not null default 0,
    demo       boolean not null default false
);
create index reproducers_key on reproducers (key, at);

-- +goose Down

drop table reproducers;
