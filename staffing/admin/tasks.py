"""What operators read of tasks that failed, by the name of the task."""

TASK_SENTENCES = {
    "staffing.clear_location": "Shifts of a removed location could not be removed",
    "staffing.follow": "People could not be told of changes of the rota",
    "staffing.plan_reminder": "A reminder of a shift could not be planned",
    "staffing.remind": "A reminder of a shift could not be sent",
    "staffing.tell_changes": "An e-mail about changes of the rota could not be sent",
    "staffing.tell_reminder": "A reminder of a shift could not be sent",
}
