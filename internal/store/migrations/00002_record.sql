-- +goose Up

-- Conventions: identifiers are ULIDs; times are microseconds since 1970 in
-- UTC; days are whole days since 1970 in UTC; JSON is text. Roll-ups name a
-- kernel that is not known ''.

create table artefacts (
    sha256      text   not null primary key,
    size        bigint not null,
    type        text   not null default '',
    first_seen  bigint not null
);

-- What the analysis read out of an artefact, by content: the same bytes from
-- many hosts are read once.
create table documents (
    sha256      text   not null primary key references artefacts (sha256),
    analyzer    text   not null,  -- version of the rules that read it
    document    text   not null,  -- crash.Document
    analysed_at bigint not null
);

create table kernels (
    id         text    not null primary key,
    release    text    not null,
    arch       text    not null default '',
    version    text    not null default '',
    first_seen bigint  not null,
    last_seen  bigint  not null,
    last_crash bigint,
    crashes    bigint  not null default 0,
    hosts_now  bigint  not null default 0,  -- hosts whose kernel_id it is
    demo       boolean not null default false,
    unique (release, arch)
);

create table hosts (
    id         text    not null primary key,
    name       text    not null unique,
    fleet      text    not null default '',  -- the group it is rolled out with
    arch       text    not null default '',
    hardware   text    not null default '',
    kernel_id  text    references kernels (id),
    first_seen bigint  not null,
    last_seen  bigint  not null,
    last_crash bigint,
    crashes    bigint  not null default 0,
    signatures bigint  not null default 0,
    demo       boolean not null default false
);
create index hosts_last_crash on hosts (last_crash);
create index hosts_kernel     on hosts (kernel_id);

-- Which host ran which kernel from when to when: the host-days that make a
-- count of crashes a rate.
create table host_kernels (
    host_id   text   not null references hosts (id),
    kernel_id text   not null references kernels (id),
    since     bigint not null,
    until     bigint,          -- null: it still does, as far as is known
    primary key (host_id, since)
);
create index host_kernels_kernel on host_kernels (kernel_id, since);

-- The same as a roll-up: how many hosts began and ceased to run a kernel on a
-- day, and the sum of when within the day. The time that hosts ran a kernel in
-- any window follows from it, without looking at a single host.
create table kernel_spells (
    kernel_id  text   not null,
    day        bigint not null,
    started    bigint not null,
    started_us bigint not null,
    ended      bigint not null,
    ended_us   bigint not null,
    primary key (kernel_id, day)
);

create table receipts (
    id           text    not null primary key,
    sha256       text    not null references artefacts (sha256),
    host_name    text    not null default '',  -- as the sender named it
    host_id      text    references hosts (id),
    kernel       text    not null default '',  -- as the sender named it
    source       text    not null default '',
    filename     text    not null default '',
    received_at  bigint  not null,
    collected_at bigint,
    progress     text    not null check (progress in ('pending', 'analysed', 'failed')),
    error        text    not null default '',
    demo         boolean not null default false,
    unique (sha256, host_name)
);

create index receipts_demo on receipts (id) where demo;

create table signatures (
    id              text    not null primary key,
    algorithm       text    not null,
    key             text    not null,
    family          text    not null,
    basis           text    not null default '[]',  -- JSON: what the key was made from
    title           text    not null,
    kind            text    not null,
    class           text    not null,
    function        text    not null default '',
    module          text    not null default '',
    owner           text    not null default '',    -- subsystem, for filters
    owner_detail    text    not null default '',    -- JSON: record.Owner
    state           text    not null check (state in ('new', 'open', 'resolved', 'regressed', 'muted')),
    state_since     bigint  not null,
    resolved_in     text    not null default '',
    muted_until     bigint,
    assignee        text    not null default '',
    first_seen      bigint  not null,
    last_seen       bigint  not null,
    first_kernel_id text    references kernels (id),
    crashes         bigint  not null default 0,
    secondary       bigint  not null default 0,
    panics          bigint  not null default 0,
    hosts           bigint  not null default 0,
    kernels         bigint  not null default 0,
    demo            boolean not null default false,
    unique (algorithm, key)
);
create index signatures_state      on signatures (state, last_seen);
create index signatures_last_seen  on signatures (last_seen);
create index signatures_first_seen on signatures (first_seen);
create index signatures_family     on signatures (family);
create index signatures_kernel     on signatures (first_kernel_id);

create table signature_symbols (
    signature_id text not null references signatures (id) on delete cascade,
    symbol       text not null,
    primary key (signature_id, symbol)
);
create index signature_symbols_symbol on signature_symbols (symbol, signature_id);

create table signature_activity (
    id           text   not null primary key,
    signature_id text   not null references signatures (id) on delete cascade,
    at           bigint not null,
    by_whom      text   not null default '',
    what         text   not null,
    was          text   not null default '',
    became       text   not null default '',
    note         text   not null default '',
    crash_id     text   not null default ''
);
create index signature_activity_at on signature_activity (signature_id, at);

create table crashes (
    id           text    not null primary key,
    receipt_id   text    not null references receipts (id),
    sha256       text    not null references artefacts (sha256),
    boot         bigint  not null,
    host_id      text    references hosts (id),
    kernel_id    text    references kernels (id),
    signature_id text    not null references signatures (id),
    primary_idx  bigint  not null,
    reports      bigint  not null,
    kind         text    not null,
    class        text    not null,
    title        text    not null,
    headline     text    not null,
    panicked     boolean not null,
    occurred_at  bigint  not null,
    time_from    text    not null,
    received_at  bigint  not null,
    demo         boolean not null default false,
    unique (receipt_id, boot)
);
create index crashes_occurred  on crashes (occurred_at, id);
create index crashes_signature on crashes (signature_id, occurred_at, id);
create index crashes_host      on crashes (host_id, occurred_at, id);
create index crashes_kernel    on crashes (kernel_id, occurred_at, id);
create index crashes_sha256    on crashes (sha256);

create table crash_reports (
    crash_id     text    not null references crashes (id) on delete cascade,
    idx          bigint  not null,  -- in the document
    place        bigint  not null,  -- in causal order
    signature_id text    not null references signatures (id),
    is_primary   boolean not null,
    caused_by    bigint,
    kind         text    not null,
    class        text    not null,
    title        text    not null,
    headline     text    not null,
    exact        text    not null,
    stack        text    not null,
    primary key (crash_id, idx)
);
create index crash_reports_signature on crash_reports (signature_id, crash_id);

-- Crashes that retention leaves alone: few per signature, chosen by rule.
create table exemplars (
    signature_id text   not null references signatures (id) on delete cascade,
    crash_id     text   not null references crashes (id) on delete cascade,
    kernel_id    text   not null default '',
    occurred_at  bigint not null,
    primary key (signature_id, crash_id)
);
create index exemplars_crash on exemplars (crash_id);

-- Roll-ups. They are changed in the transaction that changes what they count.

create table signature_daily (
    signature_id text   not null,
    day          bigint not null,
    kernel_id    text   not null,
    crashes      bigint not null,
    secondary    bigint not null,
    primary key (signature_id, day, kernel_id)
);
create index signature_daily_day on signature_daily (day, signature_id, crashes);

create table signature_hosts (
    signature_id text   not null,
    host_id      text   not null,
    crashes      bigint not null,
    secondary    bigint not null,
    first_seen   bigint not null,
    last_seen    bigint not null,
    primary key (signature_id, host_id)
);
create index signature_hosts_host on signature_hosts (host_id, crashes);

create table signature_kernels (
    signature_id text   not null,
    kernel_id    text   not null,
    crashes      bigint not null,
    secondary    bigint not null,
    last_seen    bigint not null,
    primary key (signature_id, kernel_id)
);
create index signature_kernels_kernel on signature_kernels (kernel_id, crashes);

create table class_daily (
    day       bigint not null,
    class     text   not null,
    kernel_id text   not null,
    crashes   bigint not null,
    primary key (day, class, kernel_id)
);
create index class_daily_kernel on class_daily (kernel_id, day, class, crashes);

create table host_daily (
    host_id text   not null,
    day     bigint not null,
    crashes bigint not null,
    primary key (host_id, day)
);

create table kernel_hosts (
    kernel_id text   not null,
    host_id   text   not null,
    crashes   bigint not null,
    primary key (kernel_id, host_id)
);

-- +goose Down

drop table kernel_hosts;
drop table host_daily;
drop table class_daily;
drop table signature_kernels;
drop table signature_hosts;
drop table signature_daily;
drop table exemplars;
drop table crash_reports;
drop table crashes;
drop table signature_activity;
drop table signature_symbols;
drop table signatures;
drop table receipts;
drop table kernel_spells;
drop table host_kernels;
drop table hosts;
drop table kernels;
drop table documents;
drop table artefacts;
