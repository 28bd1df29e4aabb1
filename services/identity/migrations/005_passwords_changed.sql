-- Whoever opened an account knew its password for as long as nobody could change it.
alter table act drop constraint act_kind_check;
alter table act add constraint act_kind_check
    check (kind in ('granted', 'revoked', 'account-opened', 'password-changed', 'erased'));
comment on table act is
    'Every grant, revocation, opened account, changed password and erasure. No name and no login: those can be erased.';
