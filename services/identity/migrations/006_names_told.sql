-- Events know persons by pseudonyms, and so does an auditor's export: whose names an auditor asked for beside is kept.
alter table act drop constraint act_kind_check;
alter table act add constraint act_kind_check
    check (kind in ('granted', 'revoked', 'account-opened', 'password-changed', 'named', 'erased'));
comment on table act is
    'Every grant, revocation, opened account, changed password, told name and erasure. No name and no login: those can be erased.';
