//! Reading rows: one, or those of a filter.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params_from_iter};
use topside_shared::records::RunRow;
use topside_shared::{ClientId, Role, RunId, Time};

use crate::base::identity::Identity;
use crate::history::db::Db;
use crate::history::db::sql_values::{invalid, of_name, of_text, owner_of, owner_text};
use crate::history::{Filter, RunRecord};

const COLUMNS: &str = "id, owner, role, command, args, user, client, state, started, ended, duration, \
                       exit, signal, bytes, escaped, cut, ended_by, files, reason, caused_by, approval";

impl Db {
    /// The rows that `filter` selects and `who` may see, newest first.
    pub(crate) fn list(
        &self,
        filter: &Filter,
        who: &Identity,
        limit: usize,
    ) -> rusqlite::Result<Vec<RunRow>> {
        let (statement, values) = select(filter, who, limit);
        let mut statement = self.connection.prepare(&statement)?;
        let rows = statement.query_map(params_from_iter(values), read)?;
        rows.map(|record| record.map(|record| record.row)).collect()
    }

    pub(crate) fn get(&self, id: RunId) -> rusqlite::Result<Option<RunRecord>> {
        let Ok(id) = i64::try_from(id.0) else { return Ok(None) };
        let statement = format!("SELECT {COLUMNS} FROM runs WHERE id = ?1");
        self.connection.query_row(&statement, [id], read).optional()
    }
}

/// The rows that `who` may see are those of some roles, and their own ones of the other roles: the rule of
/// `authorize::may_see_run` in SQL. For each role, an index has the rows of these filters in the order of the list, so a
/// page costs no more than its rows, however many there are.
fn select(filter: &Filter, who: &Identity, limit: usize) -> (String, Vec<Value>) {
    let before = filter.before.and_then(|before| i64::try_from(before.0).ok()).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut conditions = "id < ?".to_owned();
    let mut given = vec![Value::from(before)];
    let equal = [
        ("command", filter.command.clone()),
        ("user", filter.user.clone()),
        ("state", filter.state.map(|state| state.name().to_owned())),
    ];
    for (column, value) in equal {
        if let Some(value) = value {
            conditions += &format!(" AND {column} = ?");
            given.push(value.into());
        }
    }
    let sees_all = who.is_full_admin();
    if sees_all && given.len() == 1 {
        given.push(limit.into());
        let all = format!("SELECT {COLUMNS} FROM runs WHERE id < ? ORDER BY id DESC LIMIT ?");
        return (all, given);
    }
    let (mut parts, mut values) = (Vec::new(), Vec::new());
    for role in Role::ALL {
        let is_seen = who.sees_others() && role <= who.role;
        let (index, owner) = match is_seen {
            true => (index(filter), ""),
            false => ("runs_of_owner", " AND owner = ?"),
        };
        parts.push(format!(
            "SELECT id FROM (SELECT id FROM runs INDEXED BY {index} \
             WHERE {conditions} AND role = '{}'{owner} ORDER BY id DESC LIMIT ?)",
            role.name()
        ));
        values.extend(given.iter().cloned());
        values.extend((!is_seen).then(|| Value::from(owner_text(who.owner))));
        values.push(limit.into());
    }
    values.push(limit.into());
    let parts = parts.join(" UNION ALL ");
    let found =
        format!("SELECT {COLUMNS} FROM runs WHERE id IN ({parts}) ORDER BY id DESC LIMIT ?");
    (found, values)
}

/// The index of the runs of one role for these filters. With three of them, the state is looked up in the rows.
fn index(filter: &Filter) -> &'static str {
    match (&filter.command, &filter.user, filter.state) {
        (None, None, None) => "runs_of_role",
        (Some(_), None, None) => "runs_of_command",
        (None, Some(_), None) => "runs_of_user",
        (None, None, Some(_)) => "runs_of_state",
        (Some(_), Some(_), _) => "runs_of_command_user",
        (Some(_), None, Some(_)) => "runs_of_command_state",
        (None, Some(_), Some(_)) => "runs_of_user_state",
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<RunRecord> {
    let number = |index| row.get::<_, Option<i64>>(index).map(|n| n.map(i64::cast_unsigned));
    let time = |index| row.get::<_, Option<i64>>(index).map(|ms| ms.map(Time::from_millis));
    let args: String = row.get(4)?;
    let owner = owner_of(&row.get::<_, String>(1)?).ok_or_else(|| invalid(1))?;
    let user: String = row.get(5)?;
    Ok(RunRecord {
        owner,
        role: row.get::<_, String>(2)?.parse().map_err(|_| invalid(2))?,
        row: RunRow {
            run_id: RunId(number(0)?.unwrap_or_default()),
            command: row.get(3)?,
            args: serde_json::from_str(&args).map_err(|_| invalid(4))?,
            owner: Some(owner.shown(&user)),
            user,
            client_id: ClientId(number(6)?.unwrap_or_default()),
            reason: row.get(18)?,
            caused_by: number(19)?.map(RunId),
            approval: of_text(row, 20)?,
            state: of_name(&row.get::<_, String>(7)?).ok_or_else(|| invalid(7))?,
            place: None,
            waits_for: Vec::new(),
            started_at: time(8)?.ok_or_else(|| invalid(8))?,
            ended_at: time(9)?,
            duration_ms: number(10)?,
            exit_code: row.get(11)?,
            signal: row.get(12)?,
            ended_by: row.get(16)?,
            bytes: number(13)?.unwrap_or_default(),
            cut_at: number(15)?,
            escaped: of_text(row, 14)?.unwrap_or_default(),
            files: of_text(row, 17)?.unwrap_or_default(),
        },
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rusqlite::StatementStatus;
    use topside_shared::records::RunState;

    use super::*;
    use crate::base::identity::{Owner, Scope};

    /// Two filters that few rows match together, and the list of a viewer, read most of a million rows.
    #[test]
    fn a_page_costs_the_same_among_few_rows_and_many() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("runs.db")).unwrap();
        let add = |count: usize| {
            // The oldest rows are the ones that are asked for.
            let rows = format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
                 INSERT OR REPLACE INTO runs (id, owner, role, command, args, user, client, address, state, \
                 started, aged_from, ended, bytes, size) SELECT i, 'uid:1', iif(i < 9, 'viewer', 'admin'), \
                 iif(i < 9 OR i % 2, 'df', 'du'), '{{}}', iif(i < 9 OR i % 2 = 0, 'ann', 'bob'), 1, 'pid 1', \
                 iif(i < 9, 'lost', 'succeeded'), i, i, i, 0, 0 FROM n"
            );
            db.connection.execute_batch(&rows).unwrap();
        };
        let (command, user) = (|| Some("df".to_owned()), || Some("ann".to_owned()));
        let state = Some(RunState::Lost);
        let filters = [
            Filter::default(),
            Filter { before: Some(RunId(9)), ..Filter::default() },
            Filter { command: command(), ..Filter::default() },
            Filter { user: user(), ..Filter::default() },
            Filter { state, before: Some(RunId(9)), ..Filter::default() },
            Filter { command: command(), user: user(), ..Filter::default() },
            Filter { command: command(), state, ..Filter::default() },
            Filter { user: user(), state, ..Filter::default() },
            Filter { state, command: command(), user: user(), before: Some(RunId(9)) },
        ];
        let scope = || Scope::Commands(Arc::from(["df".to_owned()]));
        let whole = || Scope::Whole;
        let viewers = [(Role::Viewer, whole()), (Role::Admin, whole()), (Role::Admin, scope())];
        let costs = || -> Vec<i32> {
            let cost = |(filter, (role, scope)): (&Filter, &(Role, Scope))| {
                let (role, scope) = (*role, scope.clone());
                let (owner, user) = (Owner::User(7), "ann".into());
                let who = Identity { owner, user, role, scope, agent: false };
                let (statement, values) = select(filter, &who, 50);
                let mut statement = db.connection.prepare(&statement).unwrap();
                let rows = statement.query_map(params_from_iter(values), |_| Ok(())).unwrap();
                let found = rows.count();
                let expected = if matches!(who.scope, Scope::Whole) { 8..=50 } else { 0..=0 };
                assert!(expected.contains(&found), "{filter:?} {role:?}: {found} rows");
                statement.get_status(StatementStatus::VmStep)
            };
            let all = filters.iter().flat_map(|filter| viewers.iter().map(move |by| (filter, by)));
            all.map(cost).collect()
        };
        add(500);
        let few = costs();
        add(8_000);
        let many = costs();
        for (few, many) in few.iter().zip(&many) {
            assert!(many * 2 < few * 3, "{few} steps among 500 rows, {many} among 8,000");
        }
    }
}
