-- +goose Up

-- The feed of CVE records that exposures are judged by: one row.
create table cve_feeds (
    id          text   not null primary key, -- 'current'
    fingerprint text   not null,             -- of its content and of the rules that read it
    origin      text   not null,
    records     bigint not null,
    newest      bigint,                      -- when the newest record was changed
    loaded_at   bigint not null
);

-- The records, as far as lists and clocks need them.
create table cves (
    id            text   not null primary key,
    title         text   not null,
    published     bigint,
    modified      bigint,
    severity      text   not null,            -- critical, high, medium, low, or '' where nobody knows
    score         double precision not null,
    severity_from text   not null,            -- who says so
    rejected      boolean not null default false,
    -- Roll-ups over exposures: kernels that are affected, that it is not decided
    -- for, and since when the first of those that are affected is.
    affected      bigint not null default 0,
    undetermined  bigint not null default 0,
    since         bigint
);
create index cves_affected on cves (affected, id);

-- What is known of how a kernel was built: an inventory that somebody sent.
create table inventories (
    id          text    not null primary key references receipts (id) on delete cascade,
    release     text    not null default '',
    kernel_id   text    references kernels (id),
    summary     text    not null default '', -- JSON: record.Inventory
    demo        boolean not null default false
);
create index inventories_kernel on inventories (kernel_id, id);

-- How each kernel was judged: one row a kernel.
create table kernel_exposures (
    kernel_id    text   not null primary key references kernels (id) on delete cascade,
    basis        text   not null,            -- feed, inventory and rules it stands on
    upstream     text   not null,            -- the upstream release it was taken for, '' if none
    inventory_id text   not null default '', -- receipt
    counts       text   not null,            -- JSON: verdict -> CVEs
    ranking      text   not null default '', -- JSON: []record.Reduction
    notes        text   not null default '', -- JSON: []string
    assessed_at  bigint not null
);

-- Verdicts that somebody has to know: all but "fixed" and "not in range", and
-- those where one was something else before.
create table exposures (
    kernel_id  text   not null references kernels (id) on delete cascade,
    cve        text   not null,
    verdict    text   not null,
    since      bigint,                   -- when it was first judged affected; null if never
    changed_at bigint not null,          -- when this verdict was first given
    was        text   not null default '', -- the verdict before
    evidence   text   not null,          -- JSON: []string
    primary key (kernel_id, cve)
);
create index exposures_cve on exposures (cve, verdict);

-- The trend: the last judgement of a kernel on each day that there was one; of all
-- kernels (''), how many CVEs are open.
create table exposure_daily (
    day          bigint not null,
    kernel_id    text   not null,
    affected     bigint not null,
    undetermined bigint not null,
    dismissed    bigint not null,        -- not compiled or not loaded
    fixed        bigint not null,
    primary key (day, kernel_id)
);

-- Risks that somebody took: a CVE on a kernel, or on all ('').
create table cve_risks (
    id         text   not null primary key,
    cve        text   not null,
    kernel_id  text   not null default '',
    reason     text   not null,
    approver   text   not null,
    created_at bigint not null,
    expires_at bigint not null,
    revoked_at bigint,
    revoked_by text   not null default ''
);
create index cve_risks_cve on cve_risks (cve, id);

-- How a kernel's configuration does under a baseline.
create table kernel_baselines (
    kernel_id  text   not null references kernels (id) on delete cascade,
    baseline   text   not null,
    title      text   not null,
    failed     bigint not null,
    waived     bigint not null,
    passed     bigint not null,
    findings   text   not null,          -- JSON: []record.BaselineFinding
    checked_at bigint not null,
    primary key (kernel_id, baseline)
);

-- +goose Down

drop table kernel_baselines;
drop table cve_risks;
drop table exposure_daily;
drop table exposures;
drop table kernel_exposures;
drop table inventories;
drop table cves;
drop table cve_feeds;
