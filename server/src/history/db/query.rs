//! Reading rows: one, or those of a filter.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params_from_iter};
use topside_shared::records::RunRow;
use topside_shared::{ClientId, Role, RunId, Time};

use crate::base::identity::{Identity, Scope};
use crate::history::db::Db;
use crate::history::db::sql_values::{invalid, of_name, of_text, owner_of, owner_text};
use crate::history::{Filter, RunRecord};

const COLUMNS: &str = "id, owner, role, command, args, user, client, state, started, ended, duration, \
                       exit, signal, bytes, escaped, cut, ended_by";

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

/// Only the given conditions are in the statement, so that an index serves it.
fn select(filter: &Filter, who: &Identity, limit: usize) -> (String, Vec<Value>) {
    let before = filter.before.and_then(|before| i64::try_from(before.0).ok()).unwrap_or(i64::MAX);
    let (mut wanted, mut values) = (vec!["id < ?".to_owned()], vec![Value::from(before)]);
    let equal = [
        ("command", filter.command.clone()),
        ("user", filter.user.clone()),
        ("state", filter.state.map(|state| state.name().to_owned())),
    ];
    for (column, value) in equal {
        if let Some(value) = value {
            wanted.push(format!("{column} = ?"));
            values.push(value.into());
        }
    }
    // The rule of `authorize::may_see_run` in SQL.
    let owner = Value::from(owner_text(who.owner));
    match who.scope {
        Scope::Whole if who.role == Role::Admin => {}
        Scope::Whole => {
            let roles = Role::ALL.iter().filter(|role| **role <= who.role);
            let roles: Vec<String> = roles.map(|role| format!("'{}'", role.name())).collect();
            // The `+` keeps the planner from collecting all rows of a role to sort them.
            wanted.push(format!("(+role IN ({}) OR +owner = ?)", roles.join(", ")));
            values.push(owner);
        }
        Scope::Commands(_) | Scope::Enrol { .. } => {
            wanted.push("owner = ?".to_owned());
            values.push(owner);
        }
    }
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    let wanted = wanted.join(" AND ");
    let statement = format!("SELECT {COLUMNS} FROM runs WHERE {wanted} ORDER BY id DESC LIMIT ?");
    (statement, values)
}

fn read(row: &Row<'_>) -> rusqlite::Result<RunRecord> {
    let number = |index| row.get::<_, Option<i64>>(index).map(|n| n.map(i64::cast_unsigned));
    let time = |index| row.get::<_, Option<i64>>(index).map(|ms| ms.map(Time::from_millis));
    let args: String = row.get(4)?;
    let owner = owner_of(&row.get::<_, String>(1)?).ok_or_else(|| invalid(1))?;
    Ok(RunRecord {
        owner,
        role: row.get::<_, String>(2)?.parse().map_err(|_| invalid(2))?,
        row: RunRow {
            run_id: RunId(number(0)?.unwrap_or_default()),
            command: row.get(3)?,
            args: serde_json::from_str(&args).map_err(|_| invalid(4))?,
            user: row.get(5)?,
            owner: Some(owner.kind().into()),
            client_id: ClientId(number(6)?.unwrap_or_default()),
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
        },
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use topside_shared::records::RunState;

    use super::*;
    use crate::base::identity::Owner;

    /// A filter of the list read the whole table.
    #[test]
    fn no_filter_scans_the_table_or_sorts_it() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("runs.db")).unwrap();
        let command = || Some("df".to_owned());
        let user = || Some("ann".to_owned());
        let state = Some(RunState::Lost);
        let filters = [
            Filter::default(),
            Filter { before: Some(RunId(9)), ..Filter::default() },
            Filter { command: command(), ..Filter::default() },
            Filter { user: user(), ..Filter::default() },
            Filter { state, before: Some(RunId(9)), ..Filter::default() },
            Filter { state, command: command(), user: user(), before: Some(RunId(9)) },
        ];
        let some = Scope::Commands(Arc::from(["df".to_owned()]));
        for (role, scope) in
            [(Role::Viewer, Scope::Whole), (Role::Admin, Scope::Whole), (Role::Admin, some)]
        {
            let who = Identity { owner: Owner::User(7), user: "ann".into(), role, scope };
            for filter in &filters {
                let (statement, values) = select(filter, &who, 50);
                let mut plan =
                    db.connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
                let steps = plan
                    .query_map(params_from_iter(values), |row| row.get::<_, String>(3))
                    .unwrap();
                let steps: Vec<String> = steps.map(Result::unwrap).collect();
                assert_eq!(steps.len(), 1, "{filter:?}: {steps:?}");
                assert!(steps[0].starts_with("SEARCH runs USING"), "{filter:?}: {steps:?}");
            }
        }
    }
}
