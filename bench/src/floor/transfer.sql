\set a random(1, :wallets - 1)
\set b random(:a + 1, :wallets)
\set n :n + 1
\set key :base + :client_id * 10000000 + :n
BEGIN;
UPDATE ledger_accounts SET balance = balance - 1, entry_seq = entry_seq + 1, last_entry_at = clock_timestamp() WHERE id = (SELECT account_id FROM bench_wallets WHERE n = :a) RETURNING id AS account, owner_id AS owner, balance, entry_seq AS seq, last_entry_at AS now \gset a_
UPDATE ledger_accounts SET balance = balance + 1, entry_seq = entry_seq + 1, last_entry_at = clock_timestamp() WHERE id = (SELECT account_id FROM bench_wallets WHERE n = :b) RETURNING id AS account, owner_id AS owner, balance, entry_seq AS seq, last_entry_at AS now \gset b_
INSERT INTO ledger_transfers (id, kind, state, currency, amount, reference, description, actor_id, operation, idempotency_key, input_hash, reverses_id, created_at) VALUES (CAST('0190a000-0000-7000-8000-' || :key AS uuid), 'transfer', 'posted', 'USD', 1, NULL, '', CAST(:a_owner AS uuid), 'walletTransfer', CAST(:key AS text), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', NULL, CAST(:b_now AS timestamptz));
INSERT INTO ledger_entries (id, transfer_id, account_id, kind, amount, balance_after, seq, created_at) VALUES (CAST('0190a000-0000-7000-8001-' || :key AS uuid), CAST('0190a000-0000-7000-8000-' || :key AS uuid), CAST(:a_account AS uuid), 'transfer', -1, :a_balance, :a_seq, CAST(:b_now AS timestamptz)), (CAST('0190a000-0000-7000-8002-' || :key AS uuid), CAST('0190a000-0000-7000-8000-' || :key AS uuid), CAST(:b_account AS uuid), 'transfer', 1, :b_balance, :b_seq, CAST(:b_now AS timestamptz));
WITH seqs AS (INSERT INTO streams (kind, id, seq) VALUES ('wallet', CAST(:a_owner AS uuid), 1), ('wallet', CAST(:b_owner AS uuid), 1) ON CONFLICT (kind, id) DO UPDATE SET seq = streams.seq + 1 RETURNING id, seq) INSERT INTO events (stream_kind, stream_id, seq, kind, actor_id, subject_id, created_at) SELECT 'wallet', id, seq, 'wallet_changed', NULL, CAST('0190a000-0000-7000-8001-' || :key AS uuid), CAST(:b_now AS timestamptz) FROM seqs;
COMMIT;
